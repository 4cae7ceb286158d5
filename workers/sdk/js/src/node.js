// SPDX-License-Identifier: MIT
// On Node: outcomes wait in a folder, settings come from the environment.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { randomBytes } from "node:crypto";
import { batches, BYTES_MAX, LINES_MAX } from "./outbox.js";
import { Rollout as Anywhere } from "./rollout.js";

export * from "./index.js";

const IDLE_MS = 10_000; // a file to which nobody has appended for so long is sent by whoever comes by
const RULESET = "ruleset.json", FUTURE_MS = 10_000;

function unless(code, call, otherwise) {
  try {
    return call();
  } catch (e) {
    if (e.code !== code) throw e;
    return otherwise;
  }
}

/**
 * A folder of outcomes on their way, for any number of processes, whatever kills them; the format of nocturne/_spool.py,
 * which says why it loses nothing. (Node has no file locks: two may send one file, which the service counts once.)
 */
export class Spool {
  constructor(folder, limit = 64 << 20) {
    Object.assign(this, { folder, limit, used: 0, fd: null, own: "", lines: 0, bytes: 0 });
    this.sealed = new Set();
  }

  add(line) {
    const text = Buffer.from(`${line}\n`);
    if (this.used + text.length > this.limit) return false;
    for (;;) {
      if (this.fd === null) this.open();
      this.write(text);
      if (fs.existsSync(this.own)) break;
      this.close();
    }
    this.used += text.length;
    if (this.lines >= LINES_MAX || this.bytes >= BYTES_MAX) this.seal();
    return true;
  }

  open() {
    fs.mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const now = (BigInt(Date.now()) * 1_000_000n).toString(16).padStart(16, "0");
    this.own = path.join(this.folder, `${now}-${randomBytes(6).toString("hex")}.open`);
    this.fd = fs.openSync(this.own, "ax", 0o600);
  }

  write(text) {
    if (fs.writeSync(this.fd, text) < text.length) {
      this.seal(); // a torn line is the last of its file, and is not read
      throw new Error("no space left on device");
    }
    this.lines++;
    this.bytes += text.length;
  }

  close() {
    fs.closeSync(this.fd);
    this.fd = null;
    this.lines = this.bytes = 0;
  }

  seal() {
    if (this.fd === null) return;
    const to = renamed(this.own);
    if (to) this.sealed.add(to);
    this.close();
  }

  get isEmpty() {
    this.seal();
    return this.sealed.size === 0;
  }

  take() {
    this.seal();
    const files = this.ready();
    for (const file of this.sealed) if (!files.includes(file)) this.sealed.delete(file); // another has sent it
    return files.map((file) => ({
      batches: () => batches(linesOf(file)),
      done: () => this.done(file),
      setAside: () => {
        unless("ENOENT", () => fs.renameSync(file, file.replace(/\.jsonl$/, ".refused")));
        this.done(file);
      },
    }));
  }

  /** The own files, and those that others have left, the oldest first. */
  ready() {
    const names = unless("ENOENT", () => fs.readdirSync(this.folder), []).filter((n) => /\.(open|jsonl|refused)$/.test(n));
    this.used = 0;
    return names.sort().flatMap((name) => {
      const file = path.join(this.folder, name), status = fs.statSync(file, { throwIfNoEntry: false });
      this.used += status?.size ?? 0;
      const isIdle = status && Math.abs(Date.now() - status.mtimeMs) > IDLE_MS;
      const at = isIdle && name.endsWith(".open") ? renamed(file) : file;
      return at.endsWith(".jsonl") && (isIdle || this.sealed.has(at)) ? [at] : [];
    });
  }

  done(file) {
    this.sealed.delete(file);
    fs.rmSync(file, { force: true });
  }

  // ---- the last ruleset ----

  keepRuleset(text) {
    const file = path.join(this.folder, RULESET), fresh = `${file}.${randomBytes(6).toString("hex")}`;
    fs.mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    fs.writeFileSync(fresh, text, { mode: 0o600, flag: "wx" });
    fs.renameSync(fresh, file);
  }

  /** Text and age in milliseconds; undefined: there is none. */
  readRuleset() {
    const file = path.join(this.folder, RULESET), status = fs.statSync(file, { throwIfNoEntry: false });
    if (!status) return undefined;
    const age = Date.now() - status.mtimeMs;
    return { text: fs.readFileSync(file, "utf8"), ageMs: age > -FUTURE_MS ? age : Infinity };
  }
}

/** NAME.jsonl; "": somebody else was quicker. */
function renamed(file) {
  const to = file.replace(/\.open$/, ".jsonl");
  return unless("ENOENT", () => (fs.renameSync(file, to), to), "");
}

function isObject(line) {
  try {
    return JSON.parse(line)?.constructor === Object;
  } catch {
    return false;
  }
}

/** What is no JSON object is left out, as is a last line without its end. */
function linesOf(file) {
  return unless("ENOENT", () => fs.readFileSync(file, "utf8"), "").split("\n").slice(0, -1).filter(isObject);
}

function isKilled(name) {
  const killed = (process.env.NOCTURNE_LIVE_KILL ?? "").split(",").map((k) => k.trim()), file = process.env.NOCTURNE_LIVE_KILL_FILE;
  return killed.includes(name) || killed.includes("all") || Boolean(file && fs.existsSync(file));
}

function tokenOf({ token, tokenFile }) {
  const text = token ?? process.env.NOCTURNE_TOKEN, file = tokenFile ?? process.env.NOCTURNE_TOKEN_FILE;
  return text || !file ? text : () => fs.readFileSync(file, "utf8").trim();
}

/**
 * A rollout whose outcomes survive the process. folder: ~/.local/state/nocturne/live, on a local file system; all processes
 * may have the same. spool: bytes that outcomes may take there. Else from the environment: NOCTURNE_URL, NOCTURNE_TOKEN or
 * NOCTURNE_TOKEN_FILE; killed by NOCTURNE_LIVE_KILL and NOCTURNE_LIVE_KILL_FILE.
 */
export class Rollout extends Anywhere {
  constructor(name, { url, token, tokenFile, folder, spool, ...rest } = {}) {
    const outbox = new Spool(path.join(folder ?? path.join(os.homedir(), ".local/state/nocturne/live"), name), spool);
    super(name, { url: url ?? process.env.NOCTURNE_URL, token: tokenOf({ token, tokenFile }), outbox, isKilled, ...rest });
  }
}
