/* How the differences of an experiment went: of one challenger and one thing that it is to show at a time, with the interval,
 * what it must pass, and the steps of the ramp. */
import { useState } from "preact/hooks";
import { api, type Course, type CourseTrack } from "./api";
import type { Picture } from "./chart";
import { Figure } from "./figure";
import { Choice } from "./history_chart";
import { band, line } from "./series";
import type { Colours } from "./theme";
import { amount, clock, clockWithSeconds, percent, signed } from "./words";

const LEAST = 3, WIDE = 1 /* of the last interval's width: how far an earlier one is shown beyond its ends */, CLOSE_MS = 120e3;

export const readCourse = (rollout: string): Promise<Course | null> => api.course(rollout).catch(() => null); /* what is said of it is there all the same */

interface Point { at: number; units: number; by: number; low: number; high: number }

const isPercent = (t: CourseTrack): boolean => t.ratio || t.points;
const unitOf = (t: CourseTrack): string => (t.ratio ? " %" : t.points ? " points" : "");
const nameOf = (t: CourseTrack): string => (t.what === "bill" ? `${t.metric}, the bill` : t.metric);
const text = (t: CourseTrack, v: number): string => (isPercent(t) ? signed(v, 2) : `${v > 0 ? "+" : ""}${amount(v)}`);

/* In what people read; only those with an interval. */
function pointsOf(c: Course, t: CourseTrack): Point[] {
    const scale = isPercent(t) ? 100 : 1, out: Point[] = [];
    c.at_ms.forEach((at, i) => {
        const by = t.by[i], low = t.low[i], high = t.high[i];
        if (by != null && low != null && high != null) out.push({ at, units: c.units[i]!, by: scale * by, low: scale * low, high: scale * high });
    });
    return out;
}

/* So that the last interval is seen well: those of the first units, which are very wide, go beyond. */
function heightOf(points: Point[], goal: number | null): [number, number] {
    const last = points[points.length - 1]!, width = Math.max(last.high - last.low, 1e-9), all = [0, goal ?? 0];
    for (const p of points) all.push(Math.max(p.low, last.low - WIDE * width), Math.min(p.high, last.high + WIDE * width));
    const low = Math.min(...all), high = Math.max(...all), pad = 0.06 * (high - low);
    return [low - pad, high + pad];
}

function pictureOf(c: Course, t: CourseTrack, points: Point[], colours: Colours): Picture {
    const goal = t.line === null ? null : t.line * (isPercent(t) ? 100 : 1), [low, high] = heightOf(points, goal);
    const from = Math.min(points[0]!.at, c.ramp[0]?.at_ms ?? Infinity), to = points[points.length - 1]!.at, across = (y: number): [number, number][] => [[from, y], [to, y]];
    const steps = c.ramp.filter((s) => s.at_ms > from && s.at_ms < to).map((s) => line([[s.at_ms, low], [s.at_ms, high]], colours.quiet, { dash: "dotted", width: 1 }));
    return {
        x: { name: "", kind: "time", min: from, max: to }, y: { name: `difference${unitOf(t) ? "," : ""}${unitOf(t)}`, kind: "number", min: low, max: high, text: (v) => text(t, v).replace(/\.?0+$/, "") || "0" },
        series: [
            band(points.map((p) => [p.at, p.low, p.high]), colours.complete, 0.18), ...steps, line(across(0), colours.quiet, { width: 1 }),
            ...(goal ? [line(across(goal), colours.infeasible, { dash: "dashed", width: 1.5 })] : []),
            line(points.map((p) => [p.at, p.by]), colours.ink, { z: 5 }),
        ],
    };
}

/* "above −1.00 points"; of what is minimised, and of amounts, below */
function goalOf(t: CourseTrack): string {
    if (t.line === null) return "";
    return `${t.ratio || t.line > 0 ? "below" : "above"} ${t.line === 0 ? "0" : text(t, t.line * (isPercent(t) ? 100 : 1))}${unitOf(t)}`;
}

/* With seconds, where minutes would not tell the steps apart. */
function rampOf(c: Course): string {
    const steps = c.ramp.filter((s) => s.share > 0), close = steps.some((s, i) => i > 0 && s.at_ms - steps[i - 1]!.at_ms < CLOSE_MS);
    return steps.map((s) => `${percent(s.share)} from ${close ? clockWithSeconds(s.at_ms) : clock(s.at_ms)}`).join(", ");
}

export function CourseChart({ c, variant }: { c: Course; variant: string }) {
    const tracks = c.challengers.find((x) => x.variant === variant)?.tracks ?? [], [wanted, setWanted] = useState("");
    const shown = tracks.filter((t) => pointsOf(c, t).length >= LEAST), t = shown.find((x) => nameOf(x) === wanted) ?? shown[0];
    if (!t) return null;
    const points = pointsOf(c, t), last = points[points.length - 1]!, said = `${nameOf(t)} ${text(t, last.by)}${unitOf(t)} (${text(t, last.low)} to ${text(t, last.high)})`;
    return (
        <Figure name={`course-${variant}`} title={`${said} after ${amount(last.units)} units`} label={`How the difference went: ${said}`}
            caption={`The difference so far and its interval, right however often somebody looks. It is good enough where all of the interval is ${goalOf(t)}${t.line ? " (dashed)" : ""}. Dotted: steps of the ramp: ${rampOf(c)}.`}
            picture={(colours) => pictureOf(c, t, points, colours)}
            numbers={() => ({ head: ["at", "units", "difference", "low", "high"], rows: points.map((p) => [new Date(p.at).toISOString(), p.units, p.by, p.low, p.high]) })}>
            <Choice label="of" value={nameOf(t)} of={shown.map(nameOf)} onChange={setWanted} />
        </Figure>
    );
}
