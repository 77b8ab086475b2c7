/** A clock that stands still until it is moved. */
export { ManualClock as FakeClock } from '@tidings/server/log/testing';
