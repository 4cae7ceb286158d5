/* The mark of a state, as the charts draw it: shape and colour, and always a word beside it. */
import type { State } from "./words";

export type MarkName = State | "winner" | "baseline" | "reference" | "stalled" | "fine" | "look" | "wrong";

const SHAPES: Record<MarkName, preact.ComponentChildren> = {
    complete: <circle cx="6" cy="6" r="4" class="fill" />,
    pruned: <path d="M1.5 2.5h9L6 10z" class="line" />,
    failed: <path d="M2 2l8 8M10 2l-8 8" class="line thick" />,
    running: <><circle cx="6" cy="6" r="4" class="line" /><path d="M6 2a4 4 0 0 1 0 8z" class="fill" /></>,
    leased: <><circle cx="6" cy="6" r="4" class="line" /><path d="M6 2a4 4 0 0 1 0 8z" class="fill" /></>,
    infeasible: <path d="M6 1l5 5-5 5-5-5z" class="line" />,
    queued: <circle cx="6" cy="6" r="4" class="line" />,
    cancelled: <path d="M2 6h8M6 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8" class="line" />,
    stalled: <path d="M4 2v8M8 2v8" class="line thick" />,
    winner: <path d="M6 .5l1.6 3.6 3.9.4-2.9 2.6.8 3.9L6 9l-3.4 2 .8-3.9L.5 4.5l3.9-.4z" class="fill" />,
    baseline: <path d="M2 2h8v8H2z" class="fill" />,
    reference: <path d="M2.5 2.5h7v7h-7z" class="line" />,
    fine: <path d="M2 6.5l3 3 5-7" class="line thick" />,
    look: <path d="M6 1.5v6M6 9.5v1.2" class="line thick" />,
    wrong: <path d="M2 2l8 8M10 2l-8 8" class="line thick" />,
};

export function Mark({ state }: { state: MarkName }) {
    return <svg class={`mark ${state}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">{SHAPES[state]}</svg>;
}
