// How many questions wait, in the page's icon as well. The title is a page's own
// business, so the count goes where it is seen in any tab: the icon.
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';

import { inboxQuery } from '@/api/inbox';

export function useWaitingCount(): number {
  const count = useQuery({ ...inboxQuery(), select: (entries) => entries.length }).data ?? 0;

  // The tab is outside React.
  useEffect(() => {
    showInIcon(count);
    return showInTitle(count);
  }, [count]);
  return count;
}

const MARK = /^\(\d+\) /;

/** Pages set the title as they are opened; the count is put back in front each time. */
function showInTitle(count: number): () => void {
  const write = () => {
    const bare = document.title.replace(MARK, '');
    const wanted = count > 0 ? `(${count}) ${bare}` : bare;
    if (document.title !== wanted) document.title = wanted;
  };
  write();
  const observer = new MutationObserver(write);
  observer.observe(document.head, { childList: true, subtree: true, characterData: true });
  return () => observer.disconnect();
}

let drawn: number | null = null;

function showInIcon(count: number): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link || drawn === count) return;
  drawn = count;
  if (count === 0) {
    link.href = '/favicon.svg';
    return;
  }
  const text = count > 9 ? '9+' : String(count);
  const badge = `<circle cx="22" cy="10" r="9" fill="#d92d20" stroke="#fff" stroke-width="1.5"/><text x="22" y="14" font-family="sans-serif" font-size="11" font-weight="700" text-anchor="middle" fill="#fff">${text}</text>`;
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#4f46e5"/><circle cx="9" cy="20" r="4" fill="#fff"/><path d="M13 20h7" stroke="#fff" stroke-width="2.4"/>${badge}</svg>`;
  link.href = `data:image/svg+xml,${encodeURIComponent(picture)}`;
}
