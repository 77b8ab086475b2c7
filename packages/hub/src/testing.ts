export { eventLogContract, type LogFactory, type LogHarness } from '@tidings/server/testing';
