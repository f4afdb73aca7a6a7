// Text of a transcript as it can be shown: it may hold what steers a terminal, or turns the direction of reading.
const TERMINAL = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;
const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

export const clean = (text) => text.replace(TERMINAL, "").replace(UNSEEN, "\ufffd").replace(/\r\n?/g, "\n");

export const count = (number) => number.toLocaleString("en-US");

export function counted(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}
