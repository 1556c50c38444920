import { Failure } from '../../net/failure'
import type { AgentId } from '../../protocol'
import type { Relay } from '../../net/relay.svelte'
import { text } from '../../text'
import { fromBase64, toBase64 } from './content'
import { base } from './paths'

/** A `writeFile` takes this many bytes. */
export const MOST_UPLOADED = 4 * 1024 * 1024

/** Puts a file of this machine into the workspace. Throws a {@link Failure}: `FILE_EXISTS`, if it must not be replaced. */
export async function upload(
  relay: Relay,
  agentId: AgentId,
  path: string,
  file: File,
  { replace }: { replace: boolean },
): Promise<void> {
  if (file.size > MOST_UPLOADED) throw new Failure('PAYLOAD_TOO_LARGE', text.files.tooLarge(file.name))
  const content = toBase64(new Uint8Array(await file.arrayBuffer()))
  const payload = { agentId, path, content, encoding: 'base64' as const }
  await relay.forward(replace ? 'writeFile' : 'createFile', agentId, payload)
}

/** Reads a whole file, part by part, and gives it to the browser to keep. Throws a {@link Failure}. */
export async function download(
  relay: Relay,
  agentId: AgentId,
  path: string,
  progress: (share: number) => void,
): Promise<void> {
  const parts: Blob[] = []
  let version: string | undefined
  for (let offset = 0, hasMore = true; hasMore;) {
    const page = await relay.forward('readFile', agentId, { agentId, path, offset, encoding: 'base64' })
    if (version !== undefined && version !== page.version)
      throw new Failure('FILE_CHANGED', text.files.elsewhere)
    version = page.version
    // A blob is kept where the browser sees fit, which need not be memory.
    parts.push(new Blob([fromBase64(page.content)]))
    offset += page.bytes
    hasMore = page.hasMore
    progress(page.size === 0 ? 1 : offset / page.size)
  }
  const url = URL.createObjectURL(new Blob(parts))
  const link = document.createElement('a')
  link.href = url
  link.download = base(path)
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
