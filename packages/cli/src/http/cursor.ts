/** The form of a cursor (PROTOCOL §1). */
export const CURSOR: RegExp = /^[a-z0-9]{1,16}\.(?:0|[1-9]\d{0,14})$/;
