export function Logo({ className = 'size-6' }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" aria-hidden className={className}>
      <rect width="32" height="32" rx="8" className="fill-accent-fill" />
      <g fill="none" stroke="#fff" strokeWidth="2.2" strokeLinecap="round">
        <path d="M10.5 16h4M17.5 15l3-3.5M17.5 17l3 3.5" />
      </g>
      <g fill="#fff">
        <circle cx="8.5" cy="16" r="3" />
        <circle cx="22.5" cy="9.5" r="3" />
        <circle cx="22.5" cy="22.5" r="3" />
        <circle cx="16" cy="16" r="2.2" />
      </g>
    </svg>
  );
}
