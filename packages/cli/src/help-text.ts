/** What follows the options in the help of each command. */

export const PROGRAM_HELP = `
Examples:
  tidings serve
  tidings listen greetings
  tidings publish greetings 'Hello'
  tail -F app.log | tidings publish logs

Exit codes: 0 done, 1 it failed, 2 the command was called wrongly.`;

export const SERVE_HELP = `
Examples:
  tidings serve                                      on this machine only, events in ./.tidings
  tidings serve --port 8080 --memory                 keep nothing on disk
  TIDINGS_KEY=… tidings serve --host 0.0.0.0         for everyone who has the key
  tidings serve --anonymous listen --key …           everyone listens, publishing needs the key
  tidings serve --retain-age 30d --retain-bytes none keep a month, however much it is`;

export const PUBLISH_HELP = `
Examples:
  tidings publish greetings 'Hello'
  tidings publish orders/42 '{"state":"paid"}' --type changed
  tail -F app.log | tidings publish logs
  curl -N https://example.com/events | tidings publish copy --format event-stream`;

export const LISTEN_HELP = `
Examples:
  tidings listen greetings
  tidings listen logs --last 10
  tidings listen orders/42 orders/43 --since earliest
  tidings listen --match-urlpattern 'sensors/:room'
  tidings listen logs --json | jq -r .data`;
