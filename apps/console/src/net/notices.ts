import type { ServerNotice } from '../protocol'

/** What holds after a notice: one of the same id takes the place of the one before, or ends it. */
export function noted(holding: readonly ServerNotice[], notice: ServerNotice): readonly ServerNotice[] {
  const others = holding.filter(({ id }) => id !== notice.id)
  return notice.dismiss ? others : [...others, notice]
}
