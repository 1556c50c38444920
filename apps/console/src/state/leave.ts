import { app } from './app.svelte'
import { push } from './push.svelte'

/** Logs out. Whoever comes to this browser next is not told what our agents do. Throws a `Failure`. */
export async function leave(): Promise<void> {
  if (typeof push.subscription === 'object') await push.turnOff()
  await app.logout()
}
