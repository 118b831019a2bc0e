// A choice of the person that outlives the page, such as table or cards.
import { useState } from 'react';

export function useStored<T extends string>(key: string, allowed: readonly T[], initial: T) {
  const [value, setValue] = useState<T>(() => {
    const stored = localStorage.getItem(key);
    return allowed.find((each) => each === stored) ?? initial;
  });
  const store = (next: T) => {
    localStorage.setItem(key, next);
    setValue(next);
  };
  return [value, store] as const;
}
