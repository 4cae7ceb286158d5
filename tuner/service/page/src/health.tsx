/* Health: the list of checks, what is wrong first, each with what to do; what is fine in one line. */
import { Mark } from "./mark";
import type { StudyView } from "./study";
import { capital, plural } from "./words";

const ORDER = { wrong: 0, look: 1, fine: 2 };
const OVERALL = { fine: "Healthy", look: "Have a look", wrong: "Something is wrong" };

export function HealthList({ v }: { v: StudyView }) {
    const h = v.health.value;
    if (!h) return <section data-part="health" class="health"><h2>Health</h2><p class="quiet">not judged yet</p></section>;
    const names = new Set([...v.metrics.value, ...v.parameters.value].map((x) => x.name)), sentence = (text: string): string => (names.has(/^[^\s:,]*/.exec(text)![0]) ? text : capital(text));
    const bad = h.checks.filter((c) => c.level !== "fine").sort((a, b) => ORDER[a.level] - ORDER[b.level]), fine = h.checks.filter((c) => c.level === "fine");
    return (
        <section data-part="health" class="health">
            <h2><Mark state={h.level} /> {OVERALL[h.level]}</h2>
            <ul>
                {bad.map((c) => (
                    <li key={c.check} class={c.level}><Mark state={c.level} /><div><p>{sentence(c.sentence)}</p>{c.action && <p class="quiet">{sentence(c.action)}</p>}</div></li>
                ))}
            </ul>
            {fine.length > 0 && (
                <details class="quiet"><summary>{plural(fine.length, "check")} fine</summary><ul>{fine.map((c) => <li key={c.check}><Mark state="fine" /> {sentence(c.sentence)}</li>)}</ul></details>
            )}
            {h.later.length > 0 && (
                <details class="quiet"><summary>{plural(h.later.length, "check")} not known yet: {h.later.map((c) => c.check).join(", ")}</summary><ul>{h.later.map((c) => <li key={c.check}>{sentence(c.sentence)}</li>)}</ul></details>
            )}
        </section>
    );
}
