// SPDX-License-Identifier: MIT
import { Memory } from "./outbox.js";
import { lone } from "./place.js";
import { Ruleset } from "./ruleset.js";

const LINE_MAX = 16_384, EXPOSED_MAX = 100_000, SEND_MS = 1000, PATIENCE_MS = 10_000, BACKOFF_MAX_MS = 60_000, REASONS_MAX = 100;

/** Since some moment; the larger of two clocks, of which one may stand still while the machine sleeps. */
class Since {
  constructor(ageMs = 0) {
    this.wall = Date.now() - ageMs;
    this.steady = performance.now() - ageMs;
  }

  get ms() {
    return Math.max(Date.now() - this.wall, performance.now() - this.steady);
  }
}

/** Unlike any other; no secret. */
function randomId() {
  const bytes = new Uint8Array(12);
  if (globalThis.crypto) crypto.getRandomValues(bytes); // Node 18 has none
  else bytes.forEach((_, i) => { bytes[i] = 256 * Math.random(); });
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** What a unit was given: variant, parameters, reason (OpenFeature's), counted (in the experiment), hash, experiment, period;
 * shadow: challengers that are to run on the same request, in the background, without acting: name and parameters. */
class Variant {
  #rollout;

  constructor(rollout, given) {
    this.#rollout = rollout;
    Object.assign(this, given);
  }

  /** What the unit did. id: the same for the same outcome, should it be said twice; at: milliseconds since the epoch;
   * expected: in [0, 1], known before the unit was assigned; shadow: metrics of each challenger in it, {} of one that failed.
   * False: it could not be kept, but that the unit was served. */
  outcome(metrics, { id = randomId(), segment, expected, shadow, at } = {}) {
    return this.#rollout.say(this, { id, segment, expected, metrics, shadow }, at);
  }

  /** The unit was served, whatever it will do. An outcome says so as well. */
  exposed({ at } = {}) {
    return this.#rollout.expose(this, at);
  }
}

/**
 * One rollout: assigns without asking anybody, keeps its ruleset fresh and sends outcomes in the background.
 *
 * url, token (a text, or a function that returns one): of the service. defaults: the parameters until there has ever been
 * a ruleset. outbox: where outcomes wait (a Spool of nocturne-live/node loses none; else memory, 10,000 of them).
 * isKilled: whoever must not see the experiment any more; asked once a second. warn: is told what cannot be done, once for
 * each reason. Nothing here throws into the program that serves: the unit gets the champion.
 */
export class Rollout {
  constructor(name, options = {}) {
    const { url, token, defaults = {}, outbox = new Memory(), isKilled = () => false, warn = (text) => console.warn(text) } = options;
    if (!/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$/.test(name)) throw new TypeError(`${name} is no name of a rollout: letters, digits, '_', '-', '.'`);
    Object.assign(this, { name, url: url?.replace(/\/+$/, ""), token, defaults, outbox, isKilled, tell: warn });
    this.rules = null;
    this.fresh = null; // since when the rules are known to be right
    this.etag = "";
    this.looked = null;
    this.killed = false;
    this.said = new Set();
    this.exposedUnits = new Set();
    this.refreshed = null;
    this.failures = 0;
    this.pause(0);
    this.state = "OPEN"; // OPEN → CLOSED
    this.turn = null; // the one at work
    this.readKept();
    this.timer = setInterval(() => this.go(), SEND_MS);
    this.timer.unref?.();
    this.go();
  }

  // ---- assigning ----

  /** The unit's variant, the same each time and everywhere. unit: 1 to 1,024 bytes of UTF-8, or a whole number. */
  assign(unit) {
    const text = Number.isSafeInteger(unit) ? String(unit) : unit;
    const champion = { unit: text, variant: "champion", counted: false, shadow: {} };
    const none = { reason: "DEFAULT", hash: "", parameters: this.defaults, experiment: null, period: null };
    if (!this.rules) return new Variant(this, { ...champion, ...none });
    try {
      return new Variant(this, this.rules.assign(text, this.doubt()));
    } catch (e) {
      this.warn("unit", `${e.message}: it has the champion`);
      const { experiment, period } = this.rules, { hash, parameters } = this.rules.variants.get("champion");
      return new Variant(this, { ...champion, reason: "ERROR", hash, parameters, experiment, period });
    }
  }

  doubt() {
    if (!this.looked || this.looked.ms > 1000) {
      this.looked = new Since();
      this.killed = this.isKilled(this.name);
    }
    return this.killed ? "DISABLED" : this.isFresh ? null : "STALE";
  }

  get isFresh() {
    return this.rules !== null && this.fresh !== null && this.fresh.ms <= this.rules.validMs;
  }

  /** Waits until there is a ruleset that is valid; false: not within the time. */
  ready(timeoutMs = PATIENCE_MS) {
    return this.wait(() => this.isFresh, timeoutMs);
  }

  // ---- outcomes ----

  say(v, item, at = Date.now()) {
    if (!v.counted && (v.experiment !== null || v.reason !== "STATIC")) return true; // nobody counts it
    try {
      if (this.outbox.add(lineOf(v, item, at))) return true;
      return this.warn("full", `there is no room for outcomes of ${this.name} that could not be sent: new ones are refused`);
    } catch (e) {
      if (item.metrics) this.say(v, { segment: item.segment, expected: item.expected }, at); // who fails with nonsense is not to be unseen
      return this.warn(`outcome ${e.name}`, `an outcome could not be kept: ${e.message}`);
    }
  }

  expose(v, at) {
    const key = JSON.stringify([v.unit, v.experiment, v.period]);
    if (this.exposedUnits.has(key)) return true;
    if (!this.say(v, {}, at)) return false;
    if (this.exposedUnits.size >= EXPOSED_MAX) this.exposedUnits.clear();
    this.exposedUnits.add(key);
    return true;
  }

  /** Sends what was said so far. False: it is not all acknowledged yet; it will be sent later. */
  async flush(timeoutMs = PATIENCE_MS) {
    this.pause(0);
    return this.wait(() => this.outbox.isEmpty, timeoutMs);
  }

  /** Flushes and ends the work in the background. */
  async close(timeoutMs = PATIENCE_MS) {
    const sent = this.url ? await this.flush(timeoutMs) : this.outbox.isEmpty;
    this.state = "CLOSED";
    clearInterval(this.timer);
    return sent;
  }

  // ---- in the background ----

  async wait(condition, timeoutMs) {
    const since = new Since();
    for (;;) {
      await this.go();
      if (condition()) return true;
      if (since.ms >= timeoutMs) return false;
      await new Promise((resolve) => setTimeout(resolve, Math.min(100, timeoutMs)));
    }
  }

  /** One turn; whoever comes while one is at work waits for that. */
  go() {
    if (this.state === "CLOSED") return Promise.resolve();
    this.turn ??= this.work().finally(() => {
      this.turn = null;
    });
    return this.turn;
  }

  async work() {
    for (const step of [() => this.refresh(), () => this.send()]) {
      try {
        await step();
      } catch (e) { // whatever it is, the next turn comes
        this.warn(`turn ${e.name}`, `${e.name}: ${e.message}`);
      }
    }
  }

  async refresh() {
    if (!this.url) return this.readKept(); // somebody else keeps it fresh
    const pause = this.rules ? this.rules.refreshMs : SEND_MS;
    if (this.refreshed && this.refreshed.ms < Math.max(pause, SEND_MS / 2)) return;
    const since = this.refreshed = new Since();
    const { status, etag, text } = await this.ask("GET", "ruleset", undefined, this.etag);
    if (status === 200) {
      this.take(text, since);
      this.etag = etag;
    } else if (status === 304 && this.rules) this.fresh = since;
    else return void this.warn("ruleset", `no ruleset of ${this.name}: ${saidBy(status, text)}`);
    this.outbox.keepRuleset?.(this.text);
    this.fine("ruleset");
  }

  /** It starts without the service, by the ruleset of last time while that is valid. */
  readKept() {
    try {
      const kept = this.outbox.readRuleset?.();
      if (kept) this.take(kept.text, new Since(kept.ageMs));
    } catch (e) {
      this.warn("file", `the ruleset of last time: ${e.message}`);
    }
  }

  take(text, since) {
    if (text !== this.text) {
      this.rules = new Ruleset(JSON.parse(text), this.name);
      this.text = text;
    }
    this.fresh = since;
  }

  async send() {
    if (this.rest.since.ms < this.rest.ms) return;
    const bundles = this.outbox.take();
    if (!this.url) return void this.pause(SEND_MS * bundles.length); // somebody else sends; if nobody does, they become fewer and larger
    for (const bundle of bundles) {
      if (await this.sendBundle(bundle)) continue;
      this.failures = Math.min(this.failures + 1, 6);
      return void this.pause(SEND_MS * 2 ** this.failures);
    }
    this.failures = 0;
  }

  pause(ms) {
    this.rest = { since: new Since(), ms: Math.min(ms, BACKOFF_MAX_MS) };
  }

  /** False: the service does not take it now. */
  async sendBundle(bundle) {
    for (const lines of bundle.batches()) {
      const { status, text } = await this.ask("POST", "outcomes", `{"outcomes":[${lines.join(",")}]}`);
      if ([400, 413, 422].includes(status)) {
        this.warn("refused", `outcomes of ${this.name} are set aside, refused: ${saidBy(status, text)}`);
        bundle.setAside();
        return true;
      }
      if (status !== 200 || !this.hear(text)) return this.warn("send", `outcomes of ${this.name} wait: ${saidBy(status, text)}`);
      this.fine("send");
    }
    bundle.done();
    return true;
  }

  /** False: this is not the service's answer. */
  hear(text) {
    let refused;
    try {
      refused = JSON.parse(text).refused.map((item) => String(item.why));
    } catch {
      return false;
    }
    for (const why of refused) this.warn(`refused ${why.replace(/[-+.\d]+/g, "#")}`, `an outcome of ${this.name} was refused: ${why}`);
    return true;
  }

  /** No redirect is followed: the token goes where it was told to. status 0: no answer, and the text says why. */
  async ask(method, what, body, etag) {
    const token = typeof this.token === "function" ? this.token() : this.token, headers = {};
    if (token) headers.Authorization = `Bearer ${token}`;
    if (etag) headers["If-None-Match"] = etag;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS), how = { method, headers, body, redirect: "error", cache: "no-store", signal };
      const answer = await fetch(`${this.url}/api/v1/rollouts/${this.name}/${what}`, how);
      return { status: answer.status, etag: answer.headers.get("ETag") ?? "", text: await answer.text() };
    } catch (e) {
      return { status: 0, etag: "", text: `${this.url}: ${e.cause?.message ?? e.message}` };
    }
  }

  warn(reason, text) {
    if (!this.said.has(reason) && this.said.size < REASONS_MAX) {
      this.said.add(reason);
      this.tell(text);
    }
    return false;
  }

  fine(reason) {
    if (this.said.delete(reason)) this.tell(`${this.name}: the service answers again (${reason})`);
  }
}

function numbers(metrics) {
  for (const [name, value] of Object.entries(metrics)) if (!Number.isFinite(Number(value))) throw new TypeError(`${name} is ${value}`);
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, Number(value)]));
}

function lineOf(v, { id, segment, expected, metrics, shadow }, at) {
  if (!(Math.abs(at) <= Number.MAX_SAFE_INTEGER)) throw new TypeError("its time is no number of milliseconds");
  if (lone.test(String(id)) || String(id).includes("\0")) throw new TypeError("an id is a text without a NUL");
  if (expected !== undefined && !Number.isFinite(expected)) throw new TypeError("expected is no number");
  const counted = v.experiment === null ? {} : { experiment: v.experiment, period: v.period };
  const said = metrics && { id: String(id), metrics: numbers(metrics) };
  const beside = Object.entries(shadow ?? {}).map(([variant, of]) => [variant, numbers(of)]);
  const line = JSON.stringify({
    unit: v.unit, variant: v.variant, at_ms: Math.trunc(at), ...counted, segment, expected, ...said,
    shadow: beside.length ? Object.fromEntries(beside) : undefined,
  });
  if (line.length > LINE_MAX) throw new RangeError(`it has ${line.length} characters; ${LINE_MAX} are the most`);
  return line;
}

function saidBy(status, text) {
  return status ? `status ${status}: ${text.slice(0, 200).trim()}` : text;
}
