// Keyboard shortcuts: single keys and two-key sequences ("g i"). Typing in a field
// is never a shortcut, except for combinations with Ctrl or ⌘.
import { useEffect, useEffectEvent } from 'react';

const SEQUENCE_MS = 900;

export type Hotkeys = Record<string, () => void>;

export function useHotkeys(keys: Hotkeys): void {
  const press = useEffectEvent((chord: string): boolean => {
    const action = keys[chord];
    action?.();
    return action !== undefined;
  });

  // The keyboard is outside React; there is no other way to listen to it.
  useEffect(() => {
    let first = '';
    let at = 0;
    const onKeyDown = (event: KeyboardEvent) => {
      const isCommand = event.metaKey || event.ctrlKey;
      if (event.altKey || event.defaultPrevented) return;
      if (!isCommand && (isTyping(event.target) || document.querySelector('dialog[open]'))) return;
      const key = isCommand ? `mod+${event.key.toLowerCase()}` : event.key;
      const isSecond = first !== '' && event.timeStamp - at < SEQUENCE_MS;
      if ((isSecond && press(`${first} ${key}`)) || press(key)) {
        event.preventDefault();
        first = '';
      } else {
        first = key;
        at = event.timeStamp;
      }
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
