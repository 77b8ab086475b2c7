import { useSignal } from '@preact/signals';
import type { ReadonlySignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

/** How far from the end counts as being there, in pixels. */
const NEAR_END = 32;

export interface Follow {
  /** Whether the view stays at the end as rows arrive. */
  readonly isFollowing: ReadonlySignal<boolean>;
  /** To be called when the view was scrolled. */
  readonly onScroll: () => void;
  /** Goes to the end and stays there. */
  readonly toEnd: () => void;
  /** Stays where it is: the person is reading. */
  readonly pause: () => void;
}

/**
 * Keeps a scrolled view at its end, as a terminal does, until the person scrolls up, and again once they are back at the
 * end. Only a way up counts as leaving: rows that arrive or are laid out late also move the end away.
 */
export function useFollow(view: RefObject<HTMLElement | null>, content: RefObject<HTMLElement | null>): Follow {
  const isFollowing = useSignal(true);
  const lastTop = useRef(0);

  const setFollowing = (follows: boolean): void => {
    isFollowing.value = follows;
    // A browser keeps the rows in view where they are when older ones go, which would look like a way up.
    if (view.current) view.current.style.overflowAnchor = follows ? 'none' : 'auto';
  };

  const stick = (): void => {
    const element = view.current;
    if (element === null || !isFollowing.peek()) return;
    element.scrollTop = element.scrollHeight;
    lastTop.current = element.scrollTop;
  };

  useLayoutEffect(() => {
    const observer = new ResizeObserver(stick);
    setFollowing(true);
    for (const element of [view.current, content.current]) if (element !== null) observer.observe(element);
    return () => observer.disconnect();
  }, []);

  return {
    isFollowing,
    onScroll() {
      const element = view.current;
      if (element === null) return;
      const { scrollTop, scrollHeight, clientHeight } = element;
      if (scrollHeight - scrollTop - clientHeight <= NEAR_END) setFollowing(true);
      else if (scrollTop < lastTop.current) setFollowing(false);
      lastTop.current = scrollTop;
    },
    toEnd() {
      setFollowing(true);
      stick();
    },
    pause() {
      setFollowing(false);
    },
  };
}
