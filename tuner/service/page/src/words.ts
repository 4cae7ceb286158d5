/* Numbers, times and states as people read them. A true minus, a thin space before %, at most four digits. */

const MINUS = "\u2212", THIN = "\u202f"; /* thin, and not broken */

export const minus = (text: string): string => text.replace(/^-/, MINUS);

/* 1.40M, 379k, 6037, 0.599, 3.2e−5 */
export function amount(v: number | null | undefined): string {
    if (v === null || v === undefined || Number.isNaN(v)) return "–";
    const a = Math.abs(v);
    if (!Number.isFinite(v)) return v > 0 ? "∞" : MINUS + "∞";
    for (const [unit, size] of [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]] as const)
        if (a >= size * 0.9995 && a >= 9999.5) return minus(digits(v / size, 3)) + unit;
    if (a >= 1000) return minus(v.toFixed(0));
    if (Number.isInteger(v)) return minus(String(v));
    if (a !== 0 && a < 1e-3) return minus(Number(v.toPrecision(3)).toExponential()).replace("e-", "e" + MINUS);
    return minus(String(Number(v.toPrecision(4))));
}

function digits(v: number, n: number): string {
    const before = Math.max(1, Math.floor(Math.log10(Math.abs(v) || 1)) + 1);
    return v.toFixed(Math.max(0, n - before));
}

export const signed = (v: number, places: number): string => (v > 0 ? "+" : "") + minus(v.toFixed(places));
export const percent = (share: number, places = 0): string => minus((share * 100).toFixed(places)) + THIN + "%";
export const signedPercent = (share: number, places = 0): string => signed(share * 100, places) + THIN + "%";

/* Any value of a parameter, a metric, a text of somebody else. */
export function shown(v: unknown): string {
    if (typeof v === "number") return amount(v);
    if (v === null || v === undefined) return "–";
    return typeof v === "string" ? v : JSON.stringify(v);
}

/* "0.6020 ± 0.0041": as many digits as the deviation has a meaning for */
export function meanAndSd(mean: number | undefined, sd: number | undefined, count: boolean): string {
    if (mean === undefined) return "–";
    if (count) return amount(mean) + (sd === undefined ? "" : ` ± ${amount(sd)}`);
    return minus(mean.toFixed(4)) + (sd === undefined ? "" : ` ± ${sd.toFixed(4)}`);
}

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export const plural = (n: number, one: string, many = one + "s"): string => `${amount(n)} ${n === 1 ? one : many}`;

/* ---- time ---- */

/* 2 h 14 min */
export function duration(ms: number): string {
    const s = Math.max(0, Math.round(ms / 1000));
    if (ms > 0 && ms < 950) return `${Math.max(1, Math.round(ms))} ms`;
    if (s < 60) return ms < 10_000 && ms > 0 ? `${(ms / 1000).toFixed(1)} s` : `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60 && s < 600 ? `${s % 60} s` : ""}`.trim();
    if (s < 172_800) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
    return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

export function ago(ms: number, now: number): string {
    const past = now - ms;
    if (past < 5000) return "now";
    return `${duration(past < 60_000 ? Math.round(past / 1000) * 1000 : Math.floor(past / 60_000) * 60_000)} ago`;
}

const pad = (n: number): string => String(n).padStart(2, "0");

/* 07:12, with the day unless it is today's */
export function clock(ms: number, now = Date.now()): string {
    const t = new Date(ms);
    const time = `${pad(t.getHours())}:${pad(t.getMinutes())}`;
    return t.toDateString() === new Date(now).toDateString() ? time : `${t.getDate()} ${t.toLocaleString("en", { month: "short" })} ${time}`;
}

export const clockWithSeconds = (ms: number): string => `${clock(ms)}:${pad(new Date(ms).getSeconds())}`;
export const whole = (ms: number): string => new Date(ms).toString();

/* ---- states ---- */

export const STATES = ["queued", "leased", "running", "complete", "pruned", "failed", "infeasible", "cancelled"] as const;
export type State = (typeof STATES)[number];

/* as people say it */
export const STATE_WORDS: Record<State, string> = {
    queued: "queued", leased: "starting", running: "running", complete: "complete", pruned: "stopped early",
    failed: "failed", infeasible: "infeasible", cancelled: "cancelled",
};

export const bytes = (n: number): string => (n < 1000 ? `${n}${THIN}B` : n < 1e6 ? `${(n / 1e3).toFixed(0)}${THIN}kB` : `${(n / 1e6).toFixed(1)}${THIN}MB`);
