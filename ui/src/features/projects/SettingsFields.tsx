// Settings that a project is created with and that can be changed later.
import type { ReactNode } from 'react';

import type { Dispatch, Rigor } from '@/api/types';
import { RIGORS } from '@/domain/project';
import { SelectField, TextField } from '@/ui/Field';

/** `null` for none, `undefined` for text that is no amount. */
export function parseLimit(text: string): number | null | undefined {
  const bare = text.trim().replace(/^\$/, '').replace(',', '.');
  if (bare === '') return null;
  const amount = Number(bare);
  return Number.isFinite(amount) && amount > 0 ? amount : undefined;
}

export function RigorField({ value, onChange, hint }: { value: Rigor; onChange: (rigor: Rigor) => void; hint: ReactNode }) {
  return (
    <SelectField label="How thoroughly to plan" value={value} hint={hint} onChange={(event) => onChange(event.target.value as Rigor)}>
      {Object.entries(RIGORS).map(([rigor, { label }]) => (
        <option key={rigor} value={rigor}>
          {label}
        </option>
      ))}
    </SelectField>
  );
}

export function LimitField({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  return (
    <TextField
      label="Limit in dollars"
      inputMode="decimal"
      placeholder="No own limit"
      value={value}
      error={parseLimit(value) === undefined ? 'Write an amount such as 2.50.' : null}
      hint="The most this project may cost. The server’s daily and monthly limits hold as well."
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

const DISPATCH: Record<Dispatch, { label: string; meaning: string }> = {
  wave: { label: 'Wave by wave', meaning: 'All tasks of one depth, then the next. Easy to follow.' },
  dataflow: { label: 'As soon as possible', meaning: 'Each task starts when what it needs is done. Faster.' },
};

export function DispatchField({ value, onChange }: { value: Dispatch; onChange: (dispatch: Dispatch) => void }) {
  return (
    <SelectField
      label="When tasks start"
      value={value}
      hint={DISPATCH[value].meaning}
      onChange={(event) => onChange(event.target.value as Dispatch)}
    >
      {Object.entries(DISPATCH).map(([mode, { label }]) => (
        <option key={mode} value={mode}>
          {label}
        </option>
      ))}
    </SelectField>
  );
}
