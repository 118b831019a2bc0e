import { lazy, Suspense } from 'react';

const Markdown = lazy(() => import('./Markdown'));

/** The renderer is loaded with the first text; until then the text is shown as it is. */
export function LazyMarkdown({ text }: { text: string }) {
  return (
    <Suspense fallback={<div className="prose whitespace-pre-wrap">{text}</div>}>
      <Markdown text={text} />
    </Suspense>
  );
}
