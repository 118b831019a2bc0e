import type { Tier } from '@/api/types';

import { Badge } from './Badge';

const TIERS: Record<Tier, string> = {
  ollama: 'A local model; it costs nothing.',
  haiku: 'A small, cheap model.',
  sonnet: 'The usual model.',
  opus: 'The strongest model.',
};

export function TierBadge({ tier }: { tier: Tier }) {
  return <Badge title={TIERS[tier]}>{tier === 'ollama' ? 'local' : tier}</Badge>;
}
