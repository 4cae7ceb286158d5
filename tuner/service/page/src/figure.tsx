/* A chart with what belongs to it: the finding as its title, how to read it as caption, a drawing that mouse, finger and
 * keyboard read alike, and the numbers as a table. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { Chart, type Picture } from "./chart";
import { readout } from "./readout";
import { choose } from "./route";
import type { StudyView } from "./study";
import { colours, type Colours } from "./theme";
import { amount } from "./words";

export interface Point { x: number; y: number; trial: number }
export interface Numbers { head: string[]; rows: (string | number)[][] }

interface Props {
    title: ComponentChildren;
    caption: ComponentChildren;
    label: string; /* what it shows, for who does not see it */
    picture: (c: Colours) => Picture;
    view: StudyView;
    points?: Point[]; /* that can be read off */
    numbers?: () => Numbers;
    children?: ComponentChildren; /* what one chooses, above the drawing */
    below?: ComponentChildren;
    name: string; /* for tests and links */
}

const NEAR_PX = 24, ROWS_SHOWN = 200;

function nearest(chart: Chart, points: Point[], px: number, py: number): { point: Point; x: number; y: number } | null {
    const place = chart.placing();
    let best: { point: Point; x: number; y: number } | null = null, least = NEAR_PX * NEAR_PX;
    for (const point of place ? points : []) {
        const [x, y] = place!(point.x, point.y), d = (x - px) ** 2 + (y - py) ** 2;
        if (d < least) (least = d), (best = { point, x, y });
    }
    return best;
}

export function Figure(props: Props) {
    const at = useRef<HTMLDivElement>(null), chart = useRef<Chart | null>(null), latest = useRef(props);
    const [walk, setWalk] = useState(-1), c = colours.value;
    latest.current = props;

    useEffect(() => {
        const drawn = (chart.current = new Chart(at.current!));
        const sized = new ResizeObserver(() => drawn.resize(colours.value));
        sized.observe(at.current!);
        return () => {
            sized.disconnect();
            drawn.dispose();
        };
    }, []);
    useEffect(() => chart.current?.draw(props.picture(c), c));

    const show = (point: Point, x: number, y: number, sticks: boolean): void => {
        readout.value = { on: at.current!, x, y, view: props.view, trial: point.trial, sticks };
    };
    const onMove = (e: PointerEvent): void => {
        if (readout.value?.sticks || e.pointerType === "touch") return;
        const box = at.current!.getBoundingClientRect(), found = nearest(chart.current!, props.points ?? [], e.clientX - box.left, e.clientY - box.top);
        if (found) show(found.point, found.x, found.y, false);
        else if (readout.value) readout.value = null;
    };
    const onClick = (e: MouseEvent): void => {
        const box = at.current!.getBoundingClientRect(), found = nearest(chart.current!, props.points ?? [], e.clientX - box.left, e.clientY - box.top);
        if (!found) readout.value = null;
        else {
            show(found.point, found.x, found.y, true);
            choose({ t: String(found.point.trial) });
        }
    };
    const onKey = (e: KeyboardEvent): void => {
        const points = [...(props.points ?? [])].sort((a, b) => a.x - b.x || a.y - b.y);
        if (!points.length) return;
        const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[e.key];
        if (step === undefined && e.key !== "Enter") return;
        e.preventDefault();
        const next = Math.max(0, Math.min(points.length - 1, walk + (step ?? 0))), point = points[next]!, [x, y] = chart.current!.placing()!(point.x, point.y);
        setWalk(next);
        show(point, x, y, true);
        choose({ t: String(point.trial) });
    };

    return (
        <figure class="chart" data-figure={props.name}>
            <h3>{props.title}</h3>
            {props.children && <div class="controls">{props.children}</div>}
            <div ref={at} class="drawing" role="img" aria-label={props.label} tabIndex={props.points?.length ? 0 : undefined} data-points={props.points?.length ?? 0}
                onPointerMove={onMove} onPointerLeave={() => readout.value?.sticks || (readout.value = null)} onClick={onClick} onKeyDown={onKey} />
            <figcaption>{props.caption}</figcaption>
            <div class="more">{props.below}{props.numbers && <NumbersOf name={props.name} numbers={props.numbers} image={() => chart.current!.image(c.page)} />}</div>
        </figure>
    );
}

function NumbersOf({ name, numbers, image }: { name: string; numbers: () => Numbers; image: () => string }) {
    const [open, setOpen] = useState(false), n = open ? numbers() : null;
    return (
        <details class="numbers" onToggle={(e) => setOpen((e.currentTarget as HTMLDetailsElement).open)}>
            <summary>Numbers</summary>
            {n && (
                <>
                    <p class="row"><button class="plain" onClick={() => save(`${name}.csv`, csv(n))}>save as CSV</button><button class="plain" onClick={() => download(`${name}.png`, image())}>the drawing as PNG</button></p>
                    <div class="wide" tabIndex={0} role="region" aria-label="Numbers">
                        <table>
                            <thead><tr>{n.head.map((h) => <th key={h} scope="col">{h}</th>)}</tr></thead>
                            <tbody>{n.rows.slice(0, ROWS_SHOWN).map((r, i) => <tr key={i}>{r.map((v, k) => <td key={k}>{typeof v === "number" ? amount(v) : v}</td>)}</tr>)}</tbody>
                        </table>
                    </div>
                    {n.rows.length > ROWS_SHOWN && <p class="quiet">{n.rows.length - ROWS_SHOWN} more in the CSV file</p>}
                </>
            )}
        </details>
    );
}

/* RFC 4180; what a spreadsheet would take for a formula is made a text. */
export function csv(n: Numbers): string {
    const cell = (v: string | number): string => {
        const text = typeof v === "string" && /^[=+\-@\t\r]/.test(v) ? `'${v}` : String(v);
        return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
    };
    return [n.head, ...n.rows].map((r) => r.map(cell).join(",")).join("\r\n") + "\r\n";
}

function download(name: string, address: string): void {
    const link = document.createElement("a");
    link.href = address;
    link.download = name;
    link.click();
}

export function save(name: string, content: string | Blob, type = "text/plain"): void {
    const address = URL.createObjectURL(typeof content === "string" ? new Blob([content], { type }) : content);
    download(name, address);
    setTimeout(() => URL.revokeObjectURL(address), 1000);
}
