/* The API of the service, typed as openapi.yaml has it; the only file that sends requests. A path that was read before is
 * asked for by its ETag, and costs nothing if nothing has happened. */

import type { State } from "./words";

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };
export type Params = Record<string, Value>;
export type Metrics = Record<string, number>;
export type VerdictWord = "adopt" | "a trade" | "promising" | "no better" | "do not adopt" | "not confirmed";

export interface Me { name: string; role: "viewer" | "worker" | "client" | "operator"; studies: string[] | null; expires_ms: number | null }
export interface Difference { difference?: number; ratio?: number; low?: number; high?: number; margin?: number }
export interface Against { reference: string; trial: number; verdict: VerdictWord; metrics: Record<string, Difference>; seeds_to_decide?: number }
export interface Standing {
    trial: number; params: Params; metrics: Metrics; sd?: Metrics; utility: number | null; feasible: boolean; confirmed_seeds: number;
    label?: string; winner?: boolean; baseline?: boolean; verdict?: VerdictWord; against?: Against[]; caution?: string; repeats?: boolean;
    weights?: Metrics; front?: unknown; rerun?: Rerun | null;
    breaks?: { constraint: string; metric: string; bound: number; by: number; would_hold: string }[];
}
export interface Expected { observed: number | null; expected: number | null; low: number | null; high: number | null }
export interface Rerun { trial: number; metrics?: Record<string, Expected>; outside?: string }
export interface Budget {
    budget: "trials" | "tokens" | "cost" | "wall" | "until"; limit?: number; spent?: number; reserved?: number; left?: number;
    limit_ms?: number; left_ms?: number; began_ms?: number;
}
export interface Study {
    study: string; phase?: "open" | "paused" | "stopped" | "complete" | "failed"; failure?: string; seq?: number; trials: number;
    states: Record<State, number>; tokens?: number; budgets: Budget[]; best?: Standing | null; comparison?: Standing[];
    run?: { began_ms: number; spent_ms: number; gone_ms: number }; exhausted?: string; running?: boolean; hosted?: boolean;
    step?: string; busy?: number; paused?: string; problem?: string; note?: string; reuse?: { stages: number; saved: number };
}
export interface Stage {
    stage: string; params: Params; digest?: string; bytes: number; kept: boolean; trial: number; attempt: number; cost: number;
    took_ms: number; users: number; from: string[];
}
/* stages: in a trial, places in the list */
export interface Pedigree { stages: Stage[]; trials: { trial: number; state: State; stages: number[]; cost: number; charged: number; share: number }[]; total: number; next_before?: number }
export interface Trial {
    trial: number; state: State; role: string; params: Params; metrics: Metrics; utility?: number | null; feasible?: boolean; seed: number; source: string;
    attempts: number; reason?: string; agent?: string; lease?: number; finished_ms?: number; stages?: Stage[]; charged?: number; note?: string;
}
export interface Columns {
    seq: number; states: State[]; kinds: string[]; parameters: string[]; metrics: string[];
    columns: {
        number: number[]; state: number[]; kind: number[]; utility: (number | null)[]; feasible: (boolean | null)[]; charged: (number | null)[]; attempts: number[];
        created_ms: (number | null)[]; began_ms: (number | null)[]; finished_ms: (number | null)[]; reason: (string | null)[]; source: string[];
        confirms: (number | null)[]; params: Record<string, (Value | null)[]>; metrics: Record<string, (number | null)[]>;
    };
}
export interface Report { n: number; step: number; after_ms: number; metrics: Metrics }
export interface Event { seq: number; event: string; at_ms: number; trial?: number; body: Record<string, Value> }
export interface Agent {
    agent: string; state: "expected" | "connected" | "silent"; slots: number; busy: number; gpus: number; heard_ms_ago?: number;
    finished?: number; host?: string; version?: string; study?: string; job?: string; leases: { study: string; lease: number; trial?: number }[];
}
export interface Parameter { name: string; type: "int" | "float" | "categorical" | "ordinal" | "bool"; range?: [number, number]; scale?: "log" | "linear"; step?: number; values?: Value[]; when?: string }
export interface Metric { name: string; goal: "maximize" | "minimize"; kind: "value" | "proportion" | "count"; of?: number; unit?: number }
export interface Space { parameters: Parameter[]; metrics: Metric[]; objective?: { form: string; weights?: Metrics }; constraints?: string[]; baseline?: Params | null }
interface Check { check: string; level: "fine" | "look" | "wrong"; sentence: string; action?: string | null }
export interface Health { level: "fine" | "look" | "wrong"; checks: Check[]; later: { check: string; sentence: string }[] }
interface Spread { low: number | null; median: number | null; high: number | null }
/* trials: still to end until then, confirmations_left of them for the confirmation */
export interface Forecast { end_ms: Spread | null; tokens: Spread | null; trials: Spread | null; on_time: number | null; deadline_ms: number | null; trials_left: number; confirmations_left: number; running: number }
export interface Importance {
    metrics: Record<string, { parameter: string; share: number | null; low: number | null; high: number | null; range: Value[]; log: boolean }[]>; /* range: both ends, or all values */
    method: string; trials: number; flat: { parameter: string; low?: Value; high?: Value; values?: Value[]; whole: boolean }[];
    quality: Record<string, { r2: number | null; trials: number }>; notes: Record<string, string>;
}
/* null: the parameter does not exist there */
export interface Slice { parameter: string; metric: string; at: number; x: Value[]; mean: (number | null)[]; low: (number | null)[]; high: (number | null)[]; trials: { trial: number; x: Value; y: number | null }[] }
export interface Contour { at: number; x: Value[]; y: Value[]; mean: (number | null)[][]; sd: (number | null)[][] } /* a row for each y */
interface Guess { mean: number | null; low: number | null; high: number | null }
export interface Prediction { metrics: Record<string, Guess>; utility?: Guess | null; feasible?: number | null }
export interface Front { winner: number | null; front: number[]; from: { weight: number; trial: number }[] }
export interface Channel { channel: string; kind: string; to: string; tells: string[]; waiting: number; next_ms: number | null; why: string | null }
export interface Notify { file: string | null; channels: Channel[]; quiet: { from: string; to: string; but: string[] } | null; heartbeat: { to: string; every_ms: number } | null; others: number }
export interface Tried { ok: boolean; channels: { channel: string; kind: string; ok: boolean; why: string | null }[] }
export interface Ledger { at_ms: number[]; tokens: number[]; trials: number[]; cost: number[]; busy_ms: number[] } /* sums until then */

/* What is live: numbers, and the words of `nocturne loop` */
export type LoopPhase = "learning" | "watching" | "drifted" | "evaluating" | "tuning" | "trying";
export interface RolloutEvent { seq: number; at_ms: number; kind: string; text: string }
export interface Loop {
    rollout: string; study: string; version: number; since_ms: number; now_ms: number; killed?: string; champion: { study: string; trial?: number };
    usual: Metrics; lately: Metrics; phase: LoopPhase | null; asked: boolean; alarm: number | null;
    experiment: { number: number; phase: "learning" | "shadow" | "running" | "paused" | "promoted" | "rolled back" | "stopped"; share: number; ready?: string } | null;
    live: string; verdict: string; headline: string; state: string; drift: string; next: string;
    tried: { variant: string; what: string; dropped: boolean; beside: { what: string; by: string; interval: string; word: string }[] }[];
    matters: { level: "fine" | "look" | "wrong"; what: string; sentence: string; action: string }[]; events: RolloutEvent[];
}
export interface CourseTrack { metric: string; what: "scale" | "typical" | "bill"; ratio: boolean; points: boolean; line: number | null; by: (number | null)[]; low: (number | null)[]; high: (number | null)[] }
export interface Course { experiment: number; at_ms: number[]; units: number[]; challengers: { variant: string; tracks: CourseTrack[] }[]; ramp: { at_ms: number; share: number }[] }
export type Order = "ramp" | "pause" | "resume" | "stop" | "promote" | "rollback" | "kill" | "revive" | "approve" | "decline" | "unwatch";

/* What the service answers when it does not do it [RFC 9457]; status 0: it did not answer. */
export class Problem extends Error {
    constructor(readonly status: number, readonly title: string, readonly detail: string) {
        super(detail || title);
    }
}

let token = "";
let onRefusal: (why: string) => void = () => undefined;
const known = new Map<string, { etag: string; body: unknown }>();

export function speakAs(newToken: string): void {
    token = newToken;
    known.clear();
}

/* Hears when the token is not taken any more: it has expired, or was revoked. */
export function whenRefused(then: (why: string) => void): void {
    onRefusal = then;
}

async function problemOf(answer: Response): Promise<Problem> {
    try {
        const p = (await answer.json()) as { title?: string; detail?: string };
        return new Problem(answer.status, p.title ?? answer.statusText, p.detail ?? "");
    } catch {
        return new Problem(answer.status, answer.statusText, "");
    }
}

export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("Authorization", `Bearer ${token}`);
    let answer: Response;
    try {
        answer = await fetch(`/api/v1${path}`, { ...init, headers, cache: "no-store" });
    } catch (error) {
        if ((error as Error).name === "AbortError") throw error;
        throw new Problem(0, "The service does not answer", "It was stopped, or the network is away. This page tries again by itself.");
    }
    if (answer.ok || answer.status === 304) return answer;
    const problem = await problemOf(answer);
    if (answer.status === 401 && headers.get("Authorization") === `Bearer ${token}`) onRefusal(problem.message);
    throw problem;
}

async function get<T>(path: string): Promise<T> {
    const before = known.get(path);
    const answer = await ask(path, before ? { headers: { "If-None-Match": before.etag } } : {});
    if (answer.status === 304 && before) return before.body as T;
    const body = (await answer.json()) as T, etag = answer.headers.get("ETag");
    if (etag) known.set(path, { etag, body });
    return body;
}

async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const init: RequestInit = { method };
    if (body !== undefined) {
        init.body = JSON.stringify(body);
        init.headers = { "Content-Type": "application/json" };
    }
    return (await (await ask(path, init)).json()) as T;
}

/* null instead of an error: there is no such thing, or nothing to say of it yet */
async function perhaps<T>(answer: Promise<T>): Promise<T | null> {
    try {
        return await answer;
    } catch (error) {
        if (error instanceof Problem && [404, 409, 422].includes(error.status)) return null;
        throw error;
    }
}

/* What the model is asked takes seconds; one at a time leaves the service room for the rest. */
let turn: Promise<unknown> = Promise.resolve();
function inTurn<T>(ask: () => Promise<T>): Promise<T> {
    const mine = turn.then(ask);
    turn = mine.catch(() => undefined);
    return mine;
}

const query = (o: Record<string, string | number | undefined>): string => {
    const q = new URLSearchParams();
    for (const [k, v] of Object.entries(o)) if (v !== undefined) q.set(k, String(v));
    const text = q.toString();
    return text ? `?${text}` : "";
};
const at = (study: string): string => `/studies/${encodeURIComponent(study)}`;

const weightsText = (w: Metrics): string => Object.entries(w).map(([k, v]) => `${k}=${v}`).join(",");

export const api = {
    me: () => get<Me>("/me"),
    service: () => get<{ version: string; up_ms: number; slots: number }>(""),
    notify: () => get<Notify>("/notify"),
    testNotify: (channel?: string) => send<Tried>("POST", "/notify/test", channel === undefined ? {} : { channel }),
    studies: (offset = 0) => get<{ studies: Study[]; total: number }>(`/studies${query({ offset, limit: 200 })}`),
    study: (s: string) => get<Study>(at(s)),
    space: (s: string) => get<Space>(`${at(s)}/space`),
    health: (s: string) => perhaps(get<Health>(`${at(s)}/health`)),
    forecast: (s: string) => perhaps(get<Forecast>(`${at(s)}/forecast`)),
    ledger: (s: string) => get<Ledger>(`${at(s)}/ledger`),
    columns: async (s: string, since?: number) => (await ask(`${at(s)}/columns${query({ since })}`)).json() as Promise<Columns>, /* not kept: it may have 50,000 rows */
    lineage: (s: string, limit: number) => get<Pedigree>(`${at(s)}/lineage${query({ limit })}`),
    trials: (s: string, offset: number) => get<{ trials: Trial[]; total: number; next_offset?: number }>(`${at(s)}/trials${query({ offset, limit: 1000 })}`),
    trial: (s: string, t: number) => get<Trial>(`${at(s)}/trials/${t}`),
    reports: (s: string, t: number, after?: number) => get<{ reports: Report[]; next?: number }>(`${at(s)}/trials/${t}/reports${query({ after })}`),
    artefacts: (s: string, t: number) => get<{ artefacts: { name: string; bytes: number }[] }>(`${at(s)}/trials/${t}/artefacts`),
    artefact: async (s: string, t: number, name: string) => (await ask(`${at(s)}/trials/${t}/artefacts/${encodeURIComponent(name)}`)).blob(),
    /* what lies behind a byte; waited for, if the trial runs */
    more: async (s: string, t: number, name: string, from: number, follow: number, signal: AbortSignal) =>
        (await ask(`${at(s)}/trials/${t}/artefacts/${encodeURIComponent(name)}${query({ from, follow })}`, { signal })).arrayBuffer(),
    log: (s: string, after: number, limit = 1000) => get<{ events: Event[]; next?: number }>(`${at(s)}/log${query({ after, limit })}`),
    best: (s: string, weights?: Metrics) => perhaps(get<Standing>(`${at(s)}/best${query({ weights: weights && weightsText(weights) })}`)),
    rerun: async (s: string) => (await inTurn(() => perhaps(get<Standing>(`${at(s)}/best?rerun=true`))))?.rerun ?? null,
    front: (s: string, weights: Metrics) => perhaps(get<Front>(`${at(s)}/front${query({ weights: weightsText(weights) })}`)),
    importance: (s: string) => inTurn(() => get<Importance>(`${at(s)}/importance`)),
    slice: (s: string, parameter: string, metric: string) => inTurn(() => perhaps(get<Slice>(`${at(s)}/slice${query({ parameter, metric, points: 41 })}`))),
    contour: (s: string, x: string, y: string, metric: string) => inTurn(() => perhaps(get<Contour>(`${at(s)}/contour${query({ x, y, metric, points: 32 })}`))),
    predict: async (s: string, params: Params) => (await perhaps(send<{ predictions: Prediction[] }>("POST", `${at(s)}/predict`, { params: [params] })))?.predictions[0] ?? null,
    agents: () => get<{ agents: Agent[]; slots: number; busy: number }>("/agents"),
    rollouts: () => get<{ rollouts: { rollout: string }[]; total: number }>("/rollouts"),
    course: (r: string) => get<Course>(`/rollouts/${encodeURIComponent(r)}/course`),
    loop: (r: string, events: number) => get<Loop>(`/rollouts/${encodeURIComponent(r)}/loop${query({ events })}`),
    order: (r: string, order: Order, version: number) => send<unknown>("POST", `/rollouts/${encodeURIComponent(r)}/${order}`, { version }),
    report: async (s: string, format: "html" | "md") => (await ask(`${at(s)}/report?format=${format}`)).text(),
    export: async (s: string, format: string) => (await ask(`${at(s)}/export?format=${format}`)).text(),

    pause: (s: string) => send<Study>("POST", `${at(s)}/pause`),
    resume: (s: string) => send<Study>("POST", `${at(s)}/resume`),
    stop: (s: string, now: boolean) => send<Study>("POST", `${at(s)}/stop`, now ? { now } : undefined),
    cancel: (s: string, t: number) => send<Trial>("POST", `${at(s)}/trials/${t}/cancel`),
    retry: (s: string, t: number) => send<Trial>("POST", `${at(s)}/trials/${t}/retry`),
    enqueue: (s: string, params: Params) => send<Trial>("POST", `${at(s)}/trials`, { params }),
    noteOf: (s: string, t?: number) => perhaps(get<{ text: string }>(`${at(s)}${t === undefined ? "" : `/trials/${t}`}/note`)),
    note: (s: string, text: string, t?: number) => send<unknown>("PUT", `${at(s)}${t === undefined ? "" : `/trials/${t}`}/note`, { text }),
};
