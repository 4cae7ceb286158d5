/* A chart with what belongs to it: the finding as its title, how to read it as caption, a drawing that mouse, finger and
 * keyboard read alike, and the numbers as a table. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { Chart, type Picture } from "./chart";
import { readout } from "./readout";
import { choose } from "./route";
import { noPoints, type Points } from "./series";
import type { StudyView } from "./study";
import { colours, type Colours } from "./theme";
import { amount } from "./words";

export interface Numbers { head: string[]; rows: (string | number)[][] }

interface Props {
    title: ComponentChildren;
    caption: ComponentChildren;
    label: string; /* what it shows, for who does not see it */
    picture: (c: Colours) => Picture;
    view?: StudyView; /* whose trials the points are */
    points?: Points; /* that can be read off */
    numbers?: () => Numbers;
    children?: ComponentChildren; /* what one chooses, above the drawing */
    below?: ComponentChildren;
    name: string; /* for tests and links */
}

interface Found { trial: number; x: number; y: number } /* x, y: pixels */

const NEAR_PX = 24, ROWS_SHOWN = 200, NONE = noPoints();

function nearest({ room }: Chart, points: Points, px: number, py: number): Found | null {
    let best: Found | null = null, least = NEAR_PX * NEAR_PX;
    for (let i = 0; room && i < points.x.length; i++) {
        const x = room.x(points.x[i]!), y = room.y(points.y[i]!), d = (x - px) ** 2 + (y - py) ** 2;
        if (d < least) (least = d), (best = { trial: points.trial[i]!, x, y });
    }
    return best;
}

/* From left to right, for the keys. */
const inOrder = ({ x, y }: Points): number[] => x.map((_, i) => i).sort((a, b) => x[a]! - x[b]! || y[a]! - y[b]!);

export function Figure(props: Props) {
    const at = useRef<HTMLDivElement>(null), canvas = useRef<HTMLCanvasElement>(null), chart = useRef<Chart | null>(null), points = props.points ?? NONE;
    const [walk, setWalk] = useState(-1), c = colours.value;

    useLayoutEffect(() => {
        const drawn = (chart.current = new Chart(canvas.current!));
        const sized = new ResizeObserver(([e]) => drawn.resize(e!.contentRect.width, e!.contentRect.height));
        sized.observe(at.current!);
        return () => sized.disconnect();
    }, []);
    useLayoutEffect(() => chart.current!.draw(props.picture(c), c));

    const show = (f: Found, sticks: boolean): void => {
        if (props.view) readout.value = { on: at.current!, x: f.x, y: f.y, view: props.view, trial: f.trial, sticks };
    };
    const find = (e: MouseEvent): Found | null => {
        const box = at.current!.getBoundingClientRect();
        return nearest(chart.current!, points, e.clientX - box.left, e.clientY - box.top);
    };
    const onMove = (e: PointerEvent): void => {
        if (readout.value?.sticks || e.pointerType === "touch") return;
        const found = find(e);
        if (found) show(found, false);
        else if (readout.value) readout.value = null;
    };
    const onClick = (e: MouseEvent): void => {
        const found = find(e);
        if (!found) readout.value = null;
        else {
            show(found, true);
            choose({ t: String(found.trial) });
        }
    };
    const onKey = (e: KeyboardEvent): void => {
        const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[e.key], room = chart.current!.room;
        if (!points.x.length || !room || (step === undefined && e.key !== "Enter")) return;
        e.preventDefault();
        const order = inOrder(points), next = Math.max(0, Math.min(order.length - 1, walk + (step ?? 0))), i = order[next]!;
        setWalk(next);
        show({ trial: points.trial[i]!, x: room.x(points.x[i]!), y: room.y(points.y[i]!) }, true);
        choose({ t: String(points.trial[i]!) });
    };

    return (
        <figure class="chart" data-figure={props.name}>
            <h3>{props.title}</h3>
            {props.children && <div class="controls">{props.children}</div>}
            <div ref={at} class="drawing" role="img" aria-label={props.label} tabIndex={points.x.length ? 0 : undefined} data-points={points.x.length}
                onPointerMove={onMove} onPointerLeave={() => readout.value?.sticks || (readout.value = null)} onClick={onClick} onKeyDown={onKey}><canvas ref={canvas} /></div>
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
