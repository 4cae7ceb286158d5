// SPDX-License-Identifier: MIT

export const LINES_MAX = 5000, BYTES_MAX = 900_000; // sent at once

/** Lines as they are sent at once. */
export function* batches(lines) {
  let batch = [], size = 0;
  for (const line of lines) {
    const bytes = 3 * line.length; // of UTF-8, at most
    if (batch.length && (batch.length >= LINES_MAX || size + bytes > BYTES_MAX)) {
      yield batch;
      batch = [], size = 0;
    }
    batch.push(line);
    size += bytes;
  }
  if (batch.length) yield batch;
}

/** Outcomes on their way, in memory: what is not sent when the program ends is lost. */
export class Memory {
  constructor(limit = 10_000) {
    this.limit = limit;
    this.lines = [];
  }

  /** False: it is full. */
  add(line) {
    if (this.lines.length >= this.limit) return false;
    this.lines.push(line);
    return true;
  }

  /** Bundles to send: their `batches()`; then each is `done()`, or `setAside()` where it will never be taken. */
  take() {
    const sent = new Set(this.lines), done = () => {
      this.lines = this.lines.filter((line) => !sent.has(line));
    };
    return sent.size ? [{ batches: () => batches(sent), done, setAside: done }] : [];
  }

  get isEmpty() {
    return this.lines.length === 0;
  }
}
