/* How wide an element is, as it changes: for what is drawn in pixels, so that its letters keep their size. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";

export function useWidth<E extends HTMLElement>(first: number): [RefObject<E | null>, number] {
    const at = useRef<E>(null), [width, setWidth] = useState(first);
    useEffect(() => {
        const el = at.current;
        if (!el) return;
        const sized = new ResizeObserver(() => el.clientWidth && setWidth(el.clientWidth));
        sized.observe(el);
        return () => sized.disconnect();
    }, []);
    return [at, width];
}
