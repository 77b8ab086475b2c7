import type { MakeFace } from './face.ts';

/** A page at `/`. @param html the whole document */
export function page(html: string): MakeFace {
  return () => ({
    name: 'page',
    match: ({ pathname }) => (pathname === '/' ? ['GET', 'HEAD'] : undefined),
    handle: () => ({
      status: 200,
      headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-cache' },
      body: html,
    }),
  });
}
