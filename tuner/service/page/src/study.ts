/* One study as the page knows it: its document, trials, space, health, forecast and events, each a signal. Happenings of
 * the stream make it look again, at most four times a second and only while somebody sees the page. */
import { computed, signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { api, Problem, type Event, type Forecast, type Health, type Metric, type Parameter, type Report, type Space, type Study, type Trial } from "./api";
import { noTrials, readTrials, type Trials } from "./columns";
import { onHappening, type Happening } from "./live";

const REFRESH_MS = 250, JUDGE_MS = 5000, EVENTS_MAX = 5000;

export interface Curve { step: number; after_ms: number; metrics: Record<string, number> }

export interface StudyView {
    name: string;
    study: Signal<Study | null>;
    trials: Signal<Trials>;
    space: Signal<Space | null>;
    health: Signal<Health | null>;
    forecast: Signal<Forecast | null>;
    events: Signal<Event[]>;
    curves: Signal<Map<number, Curve[]>>;
    heard: Signal<Map<number, number>>; /* when a running trial last reported, by its number */
    running: Signal<Trial[]>;
    problem: Signal<Problem | null>;
    reading: Signal<boolean>; /* the first reading goes on */
    metrics: ReadonlySignal<Metric[]>;
    parameters: ReadonlySignal<Parameter[]>;
    look: () => Promise<void>;
    close: () => void;
}

function create(name: string): StudyView {
    const space = signal<Space | null>(null);
    return {
        name, space,
        trials: signal<Trials>(noTrials()),
        study: signal<Study | null>(null),
        health: signal<Health | null>(null),
        forecast: signal<Forecast | null>(null),
        events: signal<Event[]>([]),
        curves: signal(new Map<number, Curve[]>()),
        heard: signal(new Map<number, number>()),
        running: signal<Trial[]>([]),
        problem: signal<Problem | null>(null),
        reading: signal(true),
        metrics: computed(() => space.value?.metrics ?? []),
        parameters: computed(() => space.value?.parameters ?? []),
        look: async () => undefined,
        close: () => undefined,
    };
}

/* What is counted as spent, by its own name. */
export const costName = (v: StudyView): string => {
    const all = v.metrics.value;
    return (all.find((m) => m.name === "tokens") ?? all.find((m) => m.kind === "count" && m.goal === "minimize"))?.name ?? "steps";
};

async function lookAtRunning(v: StudyView): Promise<void> {
    const t = v.trials.value, numbers: number[] = [];
    for (let row = t.n - 1; row >= 0 && numbers.length < 16; row--) if (t.state[row] === "running" || t.state[row] === "leased") numbers.push(t.number[row]!);
    const found = await Promise.all(numbers.map((n) => api.trial(v.name, n).catch(() => null)));
    v.running.value = found.filter((o): o is Trial => o !== null).reverse();
}

async function lookAtEvents(v: StudyView): Promise<void> {
    const have = v.events.value, total = v.study.value?.seq ?? 0;
    let after = have.length ? have[have.length - 1]!.seq : Math.max(0, total - EVENTS_MAX);
    if (after >= total) return;
    const all = [...have];
    for (;;) {
        const page = await api.log(v.name, after);
        all.push(...page.events);
        if (page.next === undefined || page.events.length === 0) break;
        after = page.next;
    }
    v.events.value = all.slice(-EVENTS_MAX);
}

/* The first report of a trial that is drawn is read, later ones come with the stream. */
export async function readCurve(v: StudyView, trial: number): Promise<void> {
    const all: Report[] = [];
    for (let after: number | undefined, pages = 0; pages < 4; pages++) {
        const page = await api.reports(v.name, trial, after);
        all.push(...page.reports);
        if (page.next === undefined || page.reports.length < 2) break;
        after = page.next;
    }
    const curves = new Map(v.curves.value);
    curves.set(trial, all);
    v.curves.value = curves;
    const last = all[all.length - 1], t = v.trials.value, began = t.began[t.row.get(trial) ?? -1];
    if (last && began) hear(v, trial, began + last.after_ms);
}

function hear(v: StudyView, trial: number, at: number): void {
    const heard = new Map(v.heard.value);
    heard.set(trial, Math.max(at, heard.get(trial) ?? 0));
    v.heard.value = heard;
}

function takeReport(v: StudyView, h: Happening): void {
    if (h.trial === undefined) return;
    hear(v, h.trial, Date.now());
    const before = v.curves.value.get(h.trial), metrics = h.data.metrics as Record<string, number> | undefined, step = Number(h.data.step);
    if (!before || !metrics || before.some((r) => r.step === step)) return;
    const curves = new Map(v.curves.value);
    curves.set(h.trial, [...before, { step, after_ms: NaN, metrics }]);
    v.curves.value = curves;
}

export function openStudy(name: string): StudyView {
    const v = create(name);
    let closed = false, looking = false, again = false, timer = 0, looked = 0, judged = 0, toJudge = 0;

    /* The first time all three are asked for at once. */
    async function once(): Promise<void> {
        const ahead = v.reading.value ? { space: api.space(name), trials: readTrials(name, v.trials.value) } : null;
        ahead?.space.catch(() => undefined); /* whoever waits for it hears of it */
        ahead?.trials.catch(() => undefined);
        const study = await api.study(name);
        const moved = study.seq !== v.study.value?.seq || v.reading.value;
        if (closed) return;
        v.study.value = study;
        if (study.problem) return;
        if (ahead) v.space.value = await ahead.space;
        if (moved) v.trials.value = await (ahead?.trials ?? readTrials(name, v.trials.value));
        v.reading.value = false;
        await Promise.all([moved && lookAtRunning(v), moved && lookAtEvents(v), judge()]);
    }

    /* At most every JUDGE_MS, and once after the last event. */
    async function judge(): Promise<void> {
        if (toJudge || closed) return;
        const rest = judged + JUDGE_MS - Date.now();
        if (rest > 0) {
            toJudge = window.setTimeout(() => {
                toJudge = 0;
                void judge().catch(() => undefined);
            }, rest);
            return;
        }
        judged = Date.now();
        const [health, forecast] = await Promise.all([api.health(name), api.forecast(name)]);
        v.health.value = health;
        v.forecast.value = forecast;
    }

    v.look = async () => {
        if (looking) {
            again = true;
            return;
        }
        looking = true;
        do {
            again = false;
            try {
                await once();
                v.problem.value = null;
            } catch (error) {
                v.problem.value = error instanceof Problem ? error : new Problem(0, "Something went wrong", String(error));
                if (!(error instanceof Problem)) console.error(error);
            }
        } while (again && !closed);
        looking = false;
    };

    /* At once, unless it has looked a moment ago. */
    const soon = (): void => {
        if (timer || closed) return;
        timer = window.setTimeout(() => {
            timer = 0;
            looked = Date.now();
            if (!document.hidden) void v.look();
        }, Math.max(0, looked + REFRESH_MS - Date.now()));
    };
    const stop = onHappening((h) => {
        if (h.event === "report" && h.study === name) takeReport(v, h);
        else if (h.study === name || h.event === "asked") soon();
        if (h.event === "asked") for (const t of v.running.value) void readCurve(v, t.trial).catch(() => undefined);
    });
    const seen = (): void => void (document.hidden || soon());
    document.addEventListener("visibilitychange", seen);
    v.close = () => {
        closed = true;
        clearTimeout(timer);
        clearTimeout(toJudge);
        stop();
        document.removeEventListener("visibilitychange", seen);
    };
    void v.look();
    return v;
}
