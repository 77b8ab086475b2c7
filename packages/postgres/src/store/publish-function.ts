/** How the number of topics was checked at first. */
export const COUNTED_TOPICS = `    if coalesce(cardinality(topics), 0) not between 1 and 255 or array_position(topics, null) is not null then
      raise exception 'An event has % topics; 1 to 255 are allowed', coalesce(cardinality(topics), 0) using errcode = '22023';
    end if;
`;

/** It says also that a topic is null. */
export const NAMED_TOPICS = `    if coalesce(cardinality(topics), 0) not between 1 and 255 then
      raise exception 'An event has % topics; 1 to 255 are allowed', coalesce(cardinality(topics), 0) using errcode = '22023';
    end if;
    if array_position(topics, null) is not null then
      raise exception 'A topic of the event is null; each is a text of 1 to 1024 bytes' using errcode = '22023';
    end if;
`;

/**
 * The statement that makes the function with which others publish in their transactions. It is part of steps that were released: only what is given to it may differ.
 * @param create how the function is made
 * @param check the statements that check the topics
 */
export function publishTo(create: 'create' | 'create or replace', check: string): string {
  return `  ${create} function @publish_to(topics text[], data text, type text default null, id text default null, private boolean default false,
    latest_key text default null, forget boolean default false, final boolean default false)
  returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $f$
  declare
    topic text;
    bytes bigint;
    allowed bigint;
    place bigint;
  begin
${check}    foreach topic in array topics loop
      perform @check_name('topic', topic);
      if topic in ('.', '..') then
        raise exception 'The topic % is not allowed, because URLs drop it', topic using errcode = '22023';
      end if;
    end loop;
    if data is null then
      raise exception 'The data of an event is null; a text is needed, which may be empty' using errcode = '22023';
    end if;
    if private is null or forget is null or final is null then
      raise exception 'private, forget and final are true or false, and not null' using errcode = '22023';
    end if;
    if type is not null and type <> '' then
      perform @check_name('type', type);
      if type like 'tidings-%' then
        raise exception 'The type % is reserved: none may begin with tidings-', type using errcode = '22023';
      end if;
    end if;
    if id is not null and id <> '' then
      perform @check_name('id', id);
      if id = 'earliest' or id like '#%' or id like ' %' or id like '% '
        or id ~ '^[a-z0-9]{1,16}[.](0|[1-9][0-9]{0,14})([.][0-9a-f]{16})?$' then
        raise exception 'The id % is reserved, looks like a cursor, or begins or ends with a space', id using errcode = '22023';
      end if;
    end if;
    if latest_key is not null then
      perform @check_name('latest_key', latest_key);
    elsif forget then
      raise exception 'An event that forgets a key needs a latest_key' using errcode = '22023';
    end if;
    -- Each line of data takes 7 bytes beside itself at most.
    bytes := octet_length(data) + 7 * (1 + length(data) - length(translate(data, E'\\r\\n', ''))) + octet_length(coalesce(type, '')) + 16;
    select max_event_bytes into allowed from @limits;
    if bytes > allowed then
      raise exception 'An event takes % bytes when it is sent; % are allowed', bytes, allowed using errcode = '54000';
    end if;
    insert into @outbox (topics, data, type, event_id, private, latest_key, forget, final)
      values (to_json(topics)::text, data, nullif(type, ''), nullif(id, ''), private, latest_key, forget, final)
      returning @outbox.id into place;
    -- However often it is called, a transaction sends one. It is sent when the transaction commits.
    perform pg_notify('tidings_%schema%', 'outbox');
    return place;
  end
  $f$;
`;
}
