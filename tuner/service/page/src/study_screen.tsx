/* A study's screens: verdict, trials, why, time. */
import type { ComponentChildren } from "preact";
import { StudyActions } from "./actions";
import type { Study } from "./api";
import { BudgetBars } from "./budgets";
import { Confirmation } from "./confirmation";
import { Curves } from "./curves_chart";
import { Enqueue } from "./enqueue";
import { Events } from "./events";
import { FrontChart } from "./front_chart";
import { HealthList } from "./health";
import { History } from "./history_chart";
import { ImportanceBars } from "./importance";
import { LedgerChart } from "./ledger_chart";
import { LineageTable } from "./lineage";
import { Note } from "./note";
import { Parallel } from "./parallel";
import { toStudy, type Tab } from "./route";
import { Running } from "./running";
import { Stops } from "./stops";
import type { StudyView } from "./study";
import { Surfaces } from "./surfaces";
import { Table } from "./table";
import { Timeline } from "./timeline";
import { phaseSentence, Verdict } from "./verdict";
import { plural } from "./words";

const TABS: [Tab, string][] = [["verdict", "Verdict"], ["trials", "Trials"], ["why", "Why"], ["time", "Time"]];

export function StudyHead({ v, tab, crumb }: { v: StudyView; tab: Tab | null; crumb?: ComponentChildren }) {
    const s = v.study.value;
    return (
        <header class="study-head">
            <p class="crumbs"><a href="#/">Studies</a> / {crumb ? <a href={toStudy(v.name)}>{v.name}</a> : null}</p>
            <div class="study-title"><h1>{crumb ?? v.name}</h1>{s && !crumb && <p class="quiet">{phaseSentence(s)}</p>}{!crumb && <StudyActions v={v} />}</div>
            <nav aria-label="Study"><ul class="tabs">{TABS.map(([t, word]) => <li key={t}><a href={toStudy(v.name, t)} aria-current={t === tab ? "page" : undefined}>{word}</a></li>)}</ul></nav>
        </header>
    );
}

export function StudyScreen({ v, tab }: { v: StudyView; tab: Tab }) {
    const s = v.study.value;
    return (
        <>
            <StudyHead v={v} tab={tab} />
            <Trouble v={v} />
            {s?.problem ? <><p class="look-line">! {s.problem}</p>{s.states && <><Verdict v={v} /><Confirmation v={v} /></>}</>
            : s && tab === "verdict" ? <VerdictTab v={v} s={s} />
            : s && v.reading.value ? <Reading s={s} />
            : s && (tab === "trials" ? <><Table v={v} /><Enqueue v={v} /></> : tab === "why" ? <WhyTab v={v} /> : <TimeTab v={v} />)}
        </>
    );
}

const Reading = ({ s }: { s: Study }) => <p class="empty" role="status">reading {plural(s.trials, "trial")} …</p>;

function VerdictTab({ v, s }: { v: StudyView; s: Study }) {
    return (
        <div class={`columns verdict-columns${s.comparison?.some((r) => r.confirmed_seeds > 0) ? "" : " early"}`}>
            <div class="main-column"><Verdict v={v} /><Confirmation v={v} /></div>
            <div class="side-column"><HealthList v={v} /><BudgetBars v={v} /><Running v={v} /><Note study={v.name} seq={s.seq} /></div>
            {v.reading.value ? <Reading s={s} /> : <div class="charts"><History v={v} /><FrontChart v={v} /><Curves v={v} /></div>}
        </div>
    );
}

const WhyTab = ({ v }: { v: StudyView }) => <div class="stack"><ImportanceBars v={v} /><Surfaces v={v} /><Parallel v={v} /><Stops v={v} /></div>;
const TimeTab = ({ v }: { v: StudyView }) => <div class="stack"><h2 class="hidden">Time</h2><Timeline v={v} /><LineageTable v={v} /><div class="columns time-columns"><Events v={v} /><div class="charts"><LedgerChart v={v} /></div></div></div>;

export function Trouble({ v }: { v: StudyView }) {
    const p = v.problem.value;
    if (!p) return null;
    return <p class="look-line" role="alert"><b>{p.title}.</b> {p.detail} <button class="plain" onClick={() => void v.look()}>try again</button></p>;
}
