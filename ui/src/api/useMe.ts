import { useSuspenseQuery } from '@tanstack/react-query';

import { meQuery } from '@/api/queries';
import type { User } from '@/api/types';

export function useMe(): User {
  return useSuspenseQuery(meQuery()).data;
}
