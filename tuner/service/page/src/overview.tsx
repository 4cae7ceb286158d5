/* All studies: what each found and whether it is well, in a line. */
import { useEffect, useState } from "preact/hooks";
import { api, Problem, type Study } from "./api";
import { onHappening, tick } from "./live";
import { Mark, type MarkName } from "./mark";
import { go, toStudy } from "./route";
import { amount, percent, plural } from "./words";
import { headWord, phaseSentence } from "./verdict";

const AGAIN_MS = 1000;

function markOf(s: Study): MarkName {
    if (s.problem || s.failure || s.phase === "failed") return "wrong";
    if (s.phase === "open" && !s.running) return "look";
    return s.phase === "open" ? "running" : s.phase === "complete" ? "complete" : "queued";
}

function progress(s: Study): number {
    return Math.max(0, ...(s.budgets ?? []).map((b) => (b.limit ? Math.min(1, (b.spent ?? 0) / b.limit) : b.limit_ms && b.left_ms !== undefined && b.budget === "wall" ? 1 - b.left_ms / b.limit_ms : 0)));
}

export function Overview() {
    const [studies, setStudies] = useState<Study[] | null>(null), [problem, setProblem] = useState<Problem | null>(null), [chosen, setChosen] = useState<string[]>([]);
    useEffect(() => {
        let timer = 0;
        const look = async (): Promise<void> => {
            try {
                const all: Study[] = [];
                for (let page = await api.studies(0); ; page = await api.studies(all.length)) {
                    all.push(...page.studies);
                    if (all.length >= page.total || !page.studies.length) break;
                }
                setStudies(all);
                setProblem(null);
            } catch (e) {
                if (e instanceof Problem) setProblem(e);
            }
        };
        void look();
        return onHappening((h) => {
            if (h.event === "report" || timer) return;
            timer = window.setTimeout(() => { timer = 0; if (!document.hidden) void look(); }, AGAIN_MS);
        });
    }, []);
    if (!studies) return <p class="empty">{problem ? problem.message : "reading the studies …"}</p>;
    const order = (s: Study): number => (s.phase === "open" ? 0 : s.phase === "paused" || s.phase === "failed" ? 1 : 2);
    const sorted = [...studies].reverse().sort((a, b) => order(a) - order(b));
    return (
        <>
            <h1>Studies</h1>
            {!studies.length && <p class="empty">No study yet. <code>nocturne run study.yaml</code> begins one; <code>nocturne init study.yaml</code> writes its file.</p>}
            <ul class="studies">{sorted.map((s) => <StudyLine key={s.study} s={s} chosen={chosen.includes(s.study)} onChoose={(on) => setChosen(on ? [...chosen, s.study] : chosen.filter((n) => n !== s.study))} />)}</ul>
            {studies.length > 1 && <p class="row"><button disabled={chosen.length < 2} onClick={() => go(`#/compare?s=${chosen.join(",")}`)}>Compare {chosen.length > 1 ? chosen.length : ""} chosen</button>{chosen.length < 2 && <span class="quiet">choose two or more</span>}</p>}
        </>
    );
}

function StudyLine({ s, chosen, onChoose }: { s: Study; chosen: boolean; onChoose: (on: boolean) => void }) {
    const best = s.best, primary = best?.against?.find((a) => a.reference !== "baseline") ?? best?.against?.[0], done = progress(s);
    void tick.value;
    return (
        <li class="study-line">
            <div class="study-name"><input type="checkbox" checked={chosen} aria-label={`choose ${s.study}`} onChange={(e) => onChoose(e.currentTarget.checked)} /><h2><a href={toStudy(s.study)}>{s.study}</a></h2></div>
            <p><Mark state={markOf(s)} /> {phaseSentence(s)}</p>
            <p>{best ? <><b>{headWord(s, best)}</b>{!best.baseline && <>: trial {best.trial}</>}{!best.baseline && primary && <span class="figures">, {Object.entries(primary.metrics).filter(([, d]) => d.ratio === undefined || Math.abs(d.ratio) >= 0.005).slice(0, 3).map(([k, d]) => `${k} ${d.ratio !== undefined ? (d.ratio > 0 ? "+" : "") + percent(d.ratio) : (d.difference! > 0 ? "+" : "") + amount(Number(d.difference!.toPrecision(2)))}`).join(", ")} against {primary.reference}</span>}</> : <span class="quiet">no winner yet</span>}</p>
            <div class="study-progress"><svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={`${percent(done)} of the budget spent`}><rect class="all" width="100" height="6" /><rect class="spent" width={done * 100} height="6" /></svg>
                <span class="quiet figures">{plural(s.trials ?? 0, "trial")}{s.states?.failed ? `, ${s.states.failed} failed` : ""}</span></div>
        </li>
    );
}
