/* The trials of a study as columns: a row is a place in each of them. Later changes take the places of what they change. */
import { api, type Columns, type Metrics, type Params, type Value } from "./api";
import type { State } from "./words";

export interface Trials {
    seq: number;
    n: number;
    number: number[];
    state: State[];
    role: string[];
    source: string[];
    utility: number[]; /* NaN: not judged */
    breaks: boolean[]; /* as it was measured it breaks a constraint: marked wherever it stands, and nowhere the best */
    charged: number[];
    attempts: number[];
    created: number[];
    began: number[];
    finished: number[];
    reason: (string | null)[];
    confirms: number[]; /* the trial whose configuration it repeats; NaN: none, or not known */
    params: Map<string, (Value | undefined)[]>;
    metrics: Map<string, number[]>;
    row: Map<number, number>; /* by number of the trial */
}

export const noTrials = (): Trials => ({
    seq: 0, n: 0, number: [], state: [], role: [], source: [], utility: [], breaks: [], charged: [], attempts: [], created: [], began: [], finished: [],
    reason: [], confirms: [], params: new Map(), metrics: new Map(), row: new Map(),
});

const made = new WeakMap<Trials, Map<string, unknown>>();

/* What is made of the trials as they are now, at some cost: made once, also for a tab that comes back. */
export function keep<T>(t: Trials, name: string, make: () => T): T {
    let all = made.get(t);
    if (!all) made.set(t, (all = new Map()));
    if (!all.has(name)) all.set(name, make());
    return all.get(name) as T;
}

export const paramsOf = (t: Trials, row: number): Params => {
    const p: Params = {};
    for (const [name, column] of t.params) if (column[row] !== undefined && column[row] !== null) p[name] = column[row]!;
    return p;
};
export const metricsOf = (t: Trials, row: number): Metrics => {
    const m: Metrics = {};
    for (const [name, column] of t.metrics) if (Number.isFinite(column[row])) m[name] = column[row]!;
    return m;
};

function place(t: Trials, trial: number): number {
    let row = t.row.get(trial);
    if (row === undefined) {
        row = t.n++;
        t.row.set(trial, row);
        t.number[row] = trial;
    }
    return row;
}

const column = <T>(all: Map<string, T[]>, name: string): T[] => {
    let c = all.get(name);
    if (!c) all.set(name, (c = []));
    return c;
};

const number = (v: number | null | undefined): number => v ?? NaN;

function merge(t: Trials, d: Columns): void {
    const c = d.columns;
    for (let i = 0; i < c.number.length; i++) {
        const row = place(t, c.number[i]!);
        t.state[row] = d.states[c.state[i]!]!;
        t.role[row] = d.kinds[c.kind[i]!]!;
        t.source[row] = c.source[i]!;
        t.utility[row] = number(c.utility[i]);
        t.breaks[row] = c.feasible[i] === false;
        t.charged[row] = number(c.charged[i]);
        t.attempts[row] = c.attempts[i] ?? 0;
        t.created[row] = number(c.created_ms[i]);
        t.began[row] = number(c.began_ms[i]);
        t.finished[row] = number(c.finished_ms[i]);
        t.reason[row] = c.reason[i] ?? null;
        t.confirms[row] = number(c.confirms[i]);
        for (const name of d.parameters) column(t.params, name)[row] = c.params[name]?.[i] ?? undefined;
        for (const name of d.metrics) column(t.metrics, name)[row] = number(c.metrics[name]?.[i]);
    }
    t.seq = d.seq;
}

/* Reads what is new into `t`, and gives it back as a new object that shares its columns. */
export async function readTrials(study: string, t: Trials): Promise<Trials> {
    merge(t, await api.columns(study, t.n ? t.seq : undefined));
    return { ...t };
}
