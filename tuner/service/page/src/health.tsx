/* Health: the list of checks, what is wrong first, each with what to do; what is fine in one line. Where the service has
 * no such list, what the study itself says. */
import type { Check, Health } from "./api";
import { Mark } from "./mark";
import type { StudyView } from "./study";
import { percent, plural } from "./words";

const ORDER = { wrong: 0, look: 1, fine: 2 };
const OVERALL = { fine: "Healthy", look: "Have a look", wrong: "Something is wrong" };

/* what can be seen in the document alone */
function own(v: StudyView): Health {
    const s = v.study.value!, checks: Check[] = [], over = s.states.complete + s.states.failed + s.states.pruned + s.states.infeasible;
    if (s.failure) checks.push({ check: "failed", level: "wrong", sentence: s.failure, action: "Mend it, then resume the study." });
    if (over >= 5 && s.states.failed > 0.2 * over)
        checks.push({ check: "failures", level: "wrong", sentence: `${plural(s.states.failed, "trial")} of ${over} failed (${percent(s.states.failed / over)}).`, action: "Look at the last lines of their logs." });
    if (s.phase === "open" && !s.running) checks.push({ check: "idle", level: "look", sentence: "The study is open, but no process works on it.", action: "Resume it, or run it again." });
    for (const b of s.budgets)
        if (b.limit && (b.spent ?? 0) >= 0.8 * b.limit && s.phase === "open") checks.push({ check: b.budget, level: "look", sentence: `${percent((b.spent ?? 0) / b.limit)} of the ${b.budget} are spent.` });
    if (!checks.length) checks.push({ check: "all", level: "fine", sentence: "Nothing unusual." });
    return { level: checks.some((c) => c.level === "wrong") ? "wrong" : checks.some((c) => c.level === "look") ? "look" : "fine", checks };
}

export const healthOf = (v: StudyView): Health => v.health.value ?? own(v);

export function HealthList({ v }: { v: StudyView }) {
    const h = healthOf(v), bad = h.checks.filter((c) => c.level !== "fine").sort((a, b) => ORDER[a.level] - ORDER[b.level]), fine = h.checks.filter((c) => c.level === "fine");
    return (
        <section data-part="health" class="health">
            <h2><Mark state={h.level} /> {OVERALL[h.level]}</h2>
            <ul>
                {bad.map((c) => (
                    <li key={c.check} class={c.level}><Mark state={c.level} /><div><p>{c.sentence}</p>{c.action && <p class="quiet">{c.action}</p>}</div></li>
                ))}
            </ul>
            {fine.length > 0 && (
                <details class="quiet"><summary>{plural(fine.length, "check")} fine</summary><ul>{fine.map((c) => <li key={c.check}><Mark state="fine" /> {c.sentence}</li>)}</ul></details>
            )}
            {h.later && h.later.length > 0 && (
                <details class="quiet"><summary>{plural(h.later.length, "check")} to come, when more is known</summary><ul>{h.later.map((c) => <li key={c.check}>{c.sentence}</li>)}</ul></details>
            )}
        </section>
    );
}
