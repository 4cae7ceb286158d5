/* The readout: one box for all charts, the same lines everywhere. It follows the mouse, sticks on a click, a tap or
 * Enter, and goes with Escape. It stays beside its place when the page scrolls, or grows above it as trials end. It is
 * placed by the CSSOM, which the Content-Security-Policy allows. */
import { signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Mark } from "./mark";
import { metricsOf, paramsOf } from "./columns";
import { toTrial } from "./route";
import type { StudyView } from "./study";
import { amount, shown, STATE_WORDS } from "./words";

interface Readout { on: Element; x: number; y: number; view: StudyView; trial: number; sticks: boolean } /* x, y: on that element */

export const readout = signal<Readout | null>(null);
addEventListener("keydown", (e) => e.key === "Escape" && (readout.value = null));
const scrolled = signal(0);
addEventListener("scroll", () => scrolled.value++, { passive: true, capture: true });
addEventListener("hashchange", () => (readout.value = null));

/* The parameters in which it differs from the baseline; all, if there is none. */
export function changed(v: StudyView, row: number): [string, string][] {
    const baseline = v.study.value?.comparison?.find((r) => r.baseline)?.params, params = Object.entries(paramsOf(v.trials.value, row));
    return params.filter(([k, x]) => !baseline || JSON.stringify(baseline[k]) !== JSON.stringify(x)).map(([k, x]) => [k, shown(x)]);
}

export function ReadoutBox() {
    const box = useRef<HTMLDivElement>(null), r = readout.value;
    void scrolled.value;
    useLayoutEffect(() => {
        const el = box.current;
        if (!el || !r) return;
        const { offsetWidth: w, offsetHeight: h } = el, on = r.on.getBoundingClientRect(), x = on.left + r.x, y = on.top + r.y, left = x + 16 + w > innerWidth - 8 ? x - 16 - w : x + 16;
        el.style.left = `${Math.max(8, Math.min(left, innerWidth - w - 8))}px`;
        el.style.top = `${Math.max(8, y - h - 12 > 8 ? y - h - 12 : Math.min(y + 24, innerHeight - h - 8))}px`;
    });
    if (!r) return null;
    const t = r.view.trials.value, row = t.row.get(r.trial);
    if (row === undefined) return null;
    const differs = changed(r.view, row), metrics = Object.entries(metricsOf(t, row));
    return (
        <div ref={box} class={`readout${r.sticks ? " sticks" : ""}`} role="status" aria-live="polite">
            <p class="strong"><Mark state={t.breaks[row] ? "infeasible" : t.state[row]!} /> trial {r.trial} · {STATE_WORDS[t.state[row]!]}{t.breaks[row] && ", breaks a constraint"}{t.role[row] !== "search" ? ` · ${t.role[row]}` : ""}</p>
            <p class="figures">{metrics.slice(0, 4).map(([k, v]) => <span key={k}>{k} <b>{amount(v)}</b> </span>)}{Number.isFinite(t.utility[row]) && <span>utility <b>{amount(t.utility[row])}</b></span>}</p>
            <p class="mono">{differs.slice(0, 6).map(([k, v]) => `${k}=${v}`).join("  ") || "as the baseline"}{differs.length > 6 && ` and ${differs.length - 6} more`}</p>
            {t.reason[row] && <p class="quiet cut">{t.reason[row]}</p>}
            {r.sticks && <p><a href={toTrial(r.view.name, r.trial)}>open</a> <button class="plain" onClick={() => (readout.value = null)}>close</button></p>}
        </div>
    );
}
