import { Dialog } from '@/ui/Dialog';

const KEYS: readonly (readonly [string, string])[] = [
  ['Ctrl K', 'Go to a page, project or action'],
  ['c', 'New project'],
  ['g p', 'Projects'],
  ['g i', 'Inbox'],
  ['g u', 'Usage'],
  ['g s', 'Services'],
  ['g k', 'Knowledge'],
  ['g a', 'Admin'],
  ['1 2 3 4', 'Tabs of a project'],
  ['t', 'Light or dark'],
  ['/', 'Search in the list'],
  ['?', 'This list'],
];

export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard" size="sm" onClose={onClose}>
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2 text-sm">
        {KEYS.map(([key, what]) => (
          <div key={key} className="contents">
            <dt>
              <kbd className="rounded border border-line-strong bg-sunken px-1.5 py-0.5 font-mono text-xs">{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
