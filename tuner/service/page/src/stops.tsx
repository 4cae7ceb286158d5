/* What did not end well: stopped early, failed, infeasible, by the reason that was given. */
import { Mark } from "./mark";
import { costName, type StudyView } from "./study";
import { amount, plural, type State } from "./words";

const WORDS: Partial<Record<State, string>> = { pruned: "stopped early", failed: "failed", infeasible: "infeasible" };

/* Reasons that differ in numbers only are one. */
const kind = (reason: string): string => reason.replace(/[−-]?\d[\d.,]*(e[-+]?\d+)?/g, "…").replace(/\s+/g, " ").slice(0, 120);

export function Stops({ v }: { v: StudyView }) {
    const t = v.trials.value, groups = new Map<string, { state: State; text: string; trials: number[]; tokens: number }>();
    for (let row = 0; row < t.n; row++) {
        const state = t.state[row]!;
        if (!(state in WORDS)) continue;
        const text = t.reason[row] ?? "no reason given", key = `${state} ${kind(text)}`, g = groups.get(key) ?? { state, text, trials: [], tokens: 0 };
        g.trials.push(t.number[row]!);
        g.tokens += Number.isFinite(t.charged[row]) ? t.charged[row]! : 0;
        groups.set(key, g);
    }
    const all = [...groups.values()].sort((a, b) => b.trials.length - a.trials.length);
    return (
        <section data-part="stops">
            <h2>What was stopped, and why</h2>
            {!all.length && <p class="quiet">Every trial went to its end.</p>}
            <ul class="plain-list">{all.slice(0, 20).map((g) => (
                <li key={g.trials[0]}><p><Mark state={g.state} /> {plural(g.trials.length, "trial")} {WORDS[g.state]}{g.tokens ? <span class="quiet"> after {amount(g.tokens)} {costName(v)} in all</span> : ""}</p>
                    <p class="quiet cut">{g.trials.length > 1 && "Such as: "}<span class="mono">{g.text}</span></p><p><a href={`#/s/${encodeURIComponent(v.name)}/trials?f=state:${g.state}`}>show them</a></p></li>
            ))}</ul>
            {all.length > 20 && <p class="quiet">and {all.length - 20} other reasons</p>}
        </section>
    );
}
