/* The trials of a study as columns: a row is a place in each of them. They come typed from the service, or are made of
 * its lists of trials where it is older; later changes take the places of what they change. */
import { api, type Metrics, type Params, type Trial, type Value } from "./api";
import { STATES, type State } from "./words";

export interface Trials {
    seq: number;
    n: number;
    number: number[];
    state: State[];
    role: string[];
    source: string[];
    utility: number[]; /* NaN: not judged */
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
    seq: 0, n: 0, number: [], state: [], role: [], source: [], utility: [], charged: [], attempts: [], created: [], began: [], finished: [],
    reason: [], confirms: [], params: new Map(), metrics: new Map(), row: new Map(),
});

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

function put(t: Trials, o: Trial): void {
    const row = place(t, o.trial);
    t.state[row] = o.state;
    t.role[row] = o.role;
    t.source[row] = o.source;
    t.utility[row] = o.utility ?? NaN;
    t.charged[row] = o.charged ?? o.metrics.tokens ?? NaN;
    t.attempts[row] = o.attempts;
    t.created[row] = o.created_ms ?? NaN;
    t.began[row] = o.began_ms ?? NaN;
    t.finished[row] = o.finished_ms ?? NaN;
    t.reason[row] = o.reason ?? null;
    t.confirms[row] = NaN;
    for (const [name, v] of Object.entries(o.params)) column(t.params, name)[row] = v;
    for (const [name, v] of Object.entries(o.metrics)) column(t.metrics, name)[row] = v;
}

interface Typed {
    seq: number; trials: number; states?: string[]; kinds?: string[]; parameters: string[]; metrics: string[];
    columns: {
        number: number[]; state: (number | string)[]; kind: (number | string)[]; utility: (number | null)[]; charged: (number | null)[];
        attempts: number[]; created_ms: (number | null)[]; began_ms: (number | null)[]; finished_ms: (number | null)[];
        reason: (string | null)[]; source?: string[]; confirms?: (number | null)[]; params: Record<string, (Value | null)[]>; metrics: Record<string, (number | null)[]>;
    };
}

const ROLES = ["baseline", "reference", "search", "enqueued", "confirm", "member"];
const word = (v: number | string | undefined, words: readonly string[]): string => (typeof v === "number" ? (words[v] ?? "") : (v ?? ""));
const number = (v: number | null | undefined): number => v ?? NaN;

function merge(t: Trials, d: Typed): void {
    const c = d.columns;
    for (let i = 0; i < c.number.length; i++) {
        const row = place(t, c.number[i]!);
        t.state[row] = word(c.state[i], d.states ?? STATES) as State;
        t.role[row] = word(c.kind[i], d.kinds ?? ROLES);
        t.source[row] = c.source?.[i] ?? "";
        t.utility[row] = number(c.utility[i]);
        t.charged[row] = number(c.charged[i]);
        t.attempts[row] = c.attempts[i] ?? 0;
        t.created[row] = number(c.created_ms[i]);
        t.began[row] = number(c.began_ms[i]);
        t.finished[row] = number(c.finished_ms[i]);
        t.reason[row] = c.reason[i] ?? null;
        t.confirms[row] = number(c.confirms?.[i]);
        for (const name of d.parameters) column(t.params, name)[row] = c.params[name]?.[i] ?? undefined;
        for (const name of d.metrics) column(t.metrics, name)[row] = number(c.metrics[name]?.[i]);
    }
    t.seq = d.seq;
}

/* Reads what is new into `t`, and gives it back as a new object that shares its columns. `told` hears how many there are. */
export async function readTrials(study: string, t: Trials, told: (n: number) => void): Promise<Trials> {
    const typed = (await api.columns(study, t.n ? t.seq : undefined)) as Typed | null;
    if (typed) {
        merge(t, typed);
        return { ...t };
    }
    for (let offset = 0; ;) {
        const page = await api.trials(study, offset);
        for (const trial of page.trials) put(t, trial);
        told(t.n);
        if (page.next_offset === undefined) break;
        offset = page.next_offset;
    }
    return { ...t };
}
