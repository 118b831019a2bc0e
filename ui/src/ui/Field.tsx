// Labelled inputs. The label, the hint and the error are tied to the control.
import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes, useId } from 'react';

import { classes } from '@/lib/classes';

const CONTROL =
  'w-full rounded-md border border-line-strong bg-surface px-2.5 text-base text-text shadow-card transition-colors hover:border-text-3 aria-invalid:border-bad';

interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string | null | undefined;
  isLabelHidden?: boolean;
  className?: string | undefined;
}

interface Wiring {
  id: string;
  'aria-describedby': string | undefined;
  'aria-invalid': true | undefined;
}

function Field({
  label,
  hint,
  error = null,
  isLabelHidden = false,
  className,
  children,
}: FieldProps & { children: (wiring: Wiring) => ReactNode }) {
  const id = useId();
  const noteId = `${id}-note`;
  const note = error ?? hint;
  return (
    <div className={classes('min-w-0', className)}>
      <label htmlFor={id} className={isLabelHidden ? 'sr-only' : 'mb-1 block text-sm font-medium'}>
        {label}
      </label>
      {children({
        id,
        'aria-describedby': note === undefined ? undefined : noteId,
        'aria-invalid': error === null ? undefined : true,
      })}
      {note !== undefined && (
        <p id={noteId} className={classes('mt-1 text-sm whitespace-pre-line', error === null ? 'text-text-3' : 'text-bad')}>
          {note}
        </p>
      )}
    </div>
  );
}

export function TextField({
  label,
  hint,
  error,
  isLabelHidden,
  className,
  ...rest
}: FieldProps & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <Field label={label} hint={hint} error={error} {...(isLabelHidden && { isLabelHidden })} className={className}>
      {(wiring) => <input {...rest} {...wiring} className={classes(CONTROL, 'h-8')} />}
    </Field>
  );
}

export function TextArea({
  label,
  hint,
  error,
  isLabelHidden,
  className,
  inputClass,
  ...rest
}: FieldProps & TextareaHTMLAttributes<HTMLTextAreaElement> & { inputClass?: string }) {
  return (
    <Field label={label} hint={hint} error={error} {...(isLabelHidden && { isLabelHidden })} className={className}>
      {(wiring) => <textarea rows={4} {...rest} {...wiring} className={classes(CONTROL, 'py-1.5', inputClass)} />}
    </Field>
  );
}

export function SelectField({
  label,
  hint,
  error,
  isLabelHidden,
  className,
  children,
  ...rest
}: FieldProps & SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <Field label={label} hint={hint} error={error} {...(isLabelHidden && { isLabelHidden })} className={className}>
      {(wiring) => (
        <select {...rest} {...wiring} className={classes(CONTROL, 'h-8 pr-1')}>
          {children}
        </select>
      )}
    </Field>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: string; hint?: string; icon?: ReactNode }[];
  onChange: (value: T) => void;
  isLabelHidden?: boolean;
  size?: 'sm' | 'md';
}

/** A few options side by side, one of them chosen. Native radio buttons underneath. */
export function Choice<T extends string>({ label, value, options, onChange, isLabelHidden = false, size = 'md' }: ChoiceProps<T>) {
  const name = useId();
  return (
    <fieldset className="min-w-0">
      <legend className={isLabelHidden ? 'sr-only' : 'mb-1 text-sm font-medium'}>{label}</legend>
      <div className="inline-flex max-w-full flex-wrap rounded-md border border-line bg-sunken p-0.5">
        {options.map((option) => (
          <label
            key={option.value}
            title={option.hint}
            className={classes(
              'flex cursor-pointer items-center gap-1.5 rounded px-2.5 text-sm font-medium has-focus-visible:outline-2 has-focus-visible:outline-accent',
              size === 'sm' ? 'h-6' : 'h-7',
              option.value === value ? 'bg-surface text-text shadow-card dark:bg-hover' : 'text-text-2 hover:text-text',
            )}
          >
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
              className="sr-only"
            />
            {option.icon}
            {option.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
