import { COUNTED_TOPICS, NAMED_TOPICS, publishTo } from './publish-function.ts';

/**
 * The tables, as the steps that made them. Each step was released, and is never changed: a change is another step. `@` stands before the names of the
 * log's own tables, and `%schema%` for the name of the schema.
 */
export const STEPS: readonly string[] = [
  `
  -- The one row that every change locks: so numbers rise in the order of the commits.
  create table @head (
    single boolean primary key default true check (single),
    seq bigint not null,
    epoch text not null,
    trims bigint not null,
    state text not null
  );
  create table @epochs (
    number integer primary key generated always as identity,
    epoch text not null,
    through bigint not null
  );
  create table @events (
    seq bigint primary key,
    id text collate "C",
    topics text not null,
    private boolean not null,
    type text collate "C",
    name text collate "C" not null,
    latest_key text collate "C",
    forgets boolean not null,
    final boolean not null,
    time bigint not null,
    at double precision not null,
    cost bigint not null,
    size integer not null,
    frame bytea not null
  );
  create index events_id on @events (id, seq) where id is not null;
  create index events_at on @events (at, seq);
  create index events_forgets on @events (seq) where forgets;
  create table @event_topics (
    topic text collate "C" not null,
    seq bigint not null,
    primary key (topic, seq)
  );
  create table @topics (
    topic text collate "C" primary key,
    events bigint not null,
    bytes bigint not null,
    last bigint not null,
    last_seq bigint not null,
    hidden_events bigint not null,
    hidden_bytes bigint not null,
    public_last bigint not null,
    public_seq bigint not null,
    oldest double precision not null
  );
  create index topics_last on @topics (last_seq, topic);
  create index topics_public on @topics (public_seq, topic) where public_seq > 0;
  create index topics_oldest on @topics (oldest, topic);
  -- The newest event of each key, of topics that keep the latest.
  create table @latest (
    topic text collate "C" not null,
    name text collate "C" not null,
    seq bigint not null,
    primary key (topic, name)
  );
  create table @states (
    topic text collate "C" primary key,
    due double precision,
    leased boolean not null,
    record text not null
  );
  create index states_due on @states (due) where due is not null;
  create table @keys (
    key bytea primary key,
    seq bigint not null,
    at double precision not null,
    cost integer not null,
    record text not null
  );
  create index keys_age on @keys (at, seq);
  create table @deletions (
    seq bigint primary key,
    topic text not null,
    private boolean not null,
    time bigint not null
  );
  -- How far each topic was trimmed, and the changes of that, which the nodes follow.
  create table @trimmed (
    topic text collate "C" primary key,
    at bigint not null,
    trimmed text not null
  );
  create index trimmed_at on @trimmed (at);
  create table @trims (
    at bigint primary key,
    plan text not null
  );
  -- The name is JSON, because a text of PostgreSQL cannot hold every character.
  create table @stored_values (
    name text collate "C" primary key,
    record text not null
  );

  -- What is published in the transactions of others, until a node has moved it into the log.
  create table @outbox (
    id bigint primary key generated always as identity,
    topics text not null,
    data text not null,
    type text,
    event_id text,
    private boolean not null,
    latest_key text,
    forget boolean not null,
    final boolean not null
  );
  create table @outbox_refused (
    id bigint primary key,
    at timestamptz not null default now(),
    reason text not null,
    event text not null
  );
  create table @limits (
    single boolean primary key default true check (single),
    max_event_bytes bigint not null
  );
  insert into @limits (max_event_bytes) values (16777216);

  create function @check_name(what text, name text) returns void language plpgsql immutable set search_path = pg_catalog, pg_temp as $f$
  begin
    if name = '' or octet_length(name) > 1024 then
      raise exception 'The % is % bytes long; 1 to 1024 are allowed', what, octet_length(name) using errcode = '22023';
    end if;
    if name ~ '[\\x01-\\x1f\\x7f-\\x9f]' then
      raise exception 'The % has a control character, which is not allowed', what using errcode = '22023';
    end if;
  end
  $f$;

${publishTo('create', COUNTED_TOPICS)}
  create function @publish(topic text, data text, type text default null, id text default null, private boolean default false,
    latest_key text default null, forget boolean default false, final boolean default false)
  returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $f$
    select @publish_to(array[topic], data, type, id, private, latest_key, forget, final)
  $f$;

  revoke execute on function @check_name(text, text) from public;
  revoke execute on function @publish_to(text[], text, text, text, boolean, text, boolean, boolean) from public;
  revoke execute on function @publish(text, text, text, text, boolean, text, boolean, boolean) from public;
  `,
  `
  -- The names of the values that the last changes have set or removed, by which other nodes follow.
  create table @value_changes (
    version bigint not null,
    name text collate "C" not null,
    primary key (version, name)
  );
  `,
  `
  -- A topic that is null is told as that.
${publishTo('create or replace', NAMED_TOPICS)}  `,
  `
  -- The text of a function is read with the settings of who calls it.
  alter function @check_name(text, text) set standard_conforming_strings = on;
  `,
];
