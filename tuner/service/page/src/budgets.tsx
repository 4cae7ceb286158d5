/* Budgets: spent, reserved by what runs, left; and where it will end, if the service forecasts it. */
import { useEffect, useState } from "preact/hooks";
import { api, type Budget, type Forecast } from "./api";
import { tick } from "./live";
import { costName, type StudyView } from "./study";
import { amount, clock, duration, percent, STATES, STATE_WORDS, type State } from "./words";
import { Mark } from "./mark";

const LABELS: Record<Budget["budget"], string> = { trials: "trials", tokens: "tokens", cost: "cost", wall: "time", until: "until" };

interface Bar { label: string; text: string; spent: number; reserved: number; mark?: number }

function barOf(b: Budget, now: number, likely: number | null | undefined, cost: string): Bar | null {
    if (b.limit_ms !== undefined && b.left_ms !== undefined) {
        const began = b.began_ms ?? 0, share = b.budget === "until" ? (now - began) / Math.max(1, b.limit_ms - began) : 1 - b.left_ms / b.limit_ms;
        const text = b.budget === "until" ? `${clock(b.limit_ms, now)}, ${b.left_ms > 0 ? `${duration(b.left_ms)} left` : "over"}` : `${duration(b.limit_ms - b.left_ms)} of ${duration(b.limit_ms)}`;
        return { label: LABELS[b.budget], text, spent: Math.min(1, Math.max(0, share)), reserved: 0 };
    }
    if (!b.limit) return null;
    const spent = b.spent ?? 0, reserved = b.reserved ?? 0;
    return {
        label: b.budget === "tokens" ? cost : LABELS[b.budget], text: `${amount(spent)} of ${amount(b.limit)}${reserved ? `, ${amount(reserved)} more in work` : ""}`,
        spent: Math.min(1, spent / b.limit), reserved: Math.min(1 - Math.min(1, spent / b.limit), reserved / b.limit), mark: likely ? Math.min(1, likely / b.limit) : undefined,
    };
}

/* trials of the search at the end: those that have ended, and those still to end */
const endOf = (b: Budget, f: Forecast | null): number | null => (f?.trials?.median != null ? (b.spent ?? 0) + f.trials.median - f.confirmations_left : null);

export function BudgetBars({ v }: { v: StudyView }) {
    const s = v.study.value!, now = tick.value, f = v.forecast.value;
    const busy = useBusy(v), bars = s.budgets.map((b) => barOf(b, now, b.budget === "tokens" ? f?.tokens?.median : b.budget === "trials" ? endOf(b, f) : null, costName(v))).filter((b): b is Bar => b !== null);
    return (
        <section data-part="budgets">
            <h2>Budget</h2>
            {bars.map((b) => (
                <div key={b.label} class="budget">
                    <p><span>{b.label}</span> <span class="figures">{b.text}</span></p>
                    <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={`${b.label}: ${percent(b.spent)} spent`}>
                        <rect class="all" width="100" height="6" /><rect class="spent" width={b.spent * 100} height="6" /><rect class="reserved" x={b.spent * 100} width={b.reserved * 100} height="6" />
                        {b.mark !== undefined && <rect class="likely" x={b.mark * 100 - 0.4} width="0.8" height="6" />}
                    </svg>
                </div>
            ))}
            {!bars.length && <p class="quiet">No budget is set.</p>}
            <p class="quiet">{forecastSentence(v, now, busy)}</p>
            <States states={s.states} name={v.name} />
        </section>
    );
}

/* Of all runs together, on all slots; asked once nothing runs any more. */
function useBusy(v: StudyView): number | null {
    const s = v.study.value!, [busy, setBusy] = useState<number | null>(null), over = s.phase !== "open" || !s.running;
    useEffect(() => {
        let late = false;
        if (over) api.ledger(v.name).then((l) => { if (!late) setBusy(l.busy_ms[l.busy_ms.length - 1] ?? null); }).catch(() => undefined);
        return () => void (late = true);
    }, [v, s.seq, over]);
    return busy;
}

function forecastSentence(v: StudyView, now: number, busy: number | null): string {
    const f = v.forecast.value, s = v.study.value!, trials = s.budgets.find((b) => b.budget === "trials");
    if (s.phase !== "open" || !s.running) return busy ? `${s.tokens ? `${amount(s.tokens)} ${costName(v)} and ` : ""}${duration(busy)} of trials, on all slots and in all runs together.` : "";
    if (f?.end_ms?.median != null)
        return `Likely to end at ${clock(f.end_ms.median, now)}${f.end_ms.low != null && f.end_ms.high != null && clock(f.end_ms.low, now) !== clock(f.end_ms.high, now) ? ` (${clock(f.end_ms.low, now)} to ${clock(f.end_ms.high, now)})` : ""}${f.tokens?.median != null ? `, with about ${amount(f.tokens.median)} ${costName(v)}` : ""}${f.on_time !== null ? `; ${percent(f.on_time)} chance to be in time` : ""}.`;
    if (s.run && trials?.limit && (trials.spent ?? 0) >= 3) {
        const left = s.run.spent_ms * ((trials.limit - trials.spent!) / trials.spent!);
        return `At this pace the search ends at about ${clock(now + left, now)}, in ${duration(left)}.`;
    }
    return "";
}

/* How many trials are in each state. */
function States({ states, name }: { states: Record<State, number>; name: string }) {
    return (
        <ul class="states">
            {STATES.filter((x) => states[x] > 0).map((x) => <li key={x}><a href={`#/s/${encodeURIComponent(name)}/trials?f=state:${x}`}><Mark state={x} /> {amount(states[x])} {STATE_WORDS[x]}</a></li>)}
        </ul>
    );
}
