import { Failure, words } from '../../net/failure'
import type { Relay } from '../../net/relay.svelte'
import type { AgentId, FileContent } from '../../protocol'
import { text } from '../../text'
import { fromBase64, lineEnds } from './content'
import { pictureType } from './paths'

const MIB = 1024 * 1024
/** More of a text is not shown: that is what downloads are for. */
const MOST_SHOWN = 8 * MIB
const MOST_EDITED = MIB
const MOST_PICTURE = 8 * MIB
/** Bytes of what is no text that are shown. */
const HEAD = 4 * 1024

export type Content =
  | { kind: 'loading' }
  | { kind: 'text'; text: string }
  /** The address of a picture in this page. */
  | { kind: 'picture'; url: string }
  | { kind: 'bytes'; head: Uint8Array }
  | { kind: 'problem'; why: string }

/** What happened to the file while it was looked at. */
export type Elsewhere = 'changed' | 'removed'

/** A file that is looked at, and perhaps edited. */
export class Opened {
  content: Content = $state.raw({ kind: 'loading' })
  size: number = $state(0)
  /** How much of it is here. */
  loaded: number = $state(0)
  /** What was made of its text; nothing while nobody edits. */
  draft: string | undefined = $state()
  elsewhere: Elsewhere | undefined = $state()
  /** It was not saved, as it is not what it was any more. */
  isConflict: boolean = $state(false)
  busy: 'saving' | 'loading' | undefined = $state()
  problem: string | undefined = $state()
  isSaved: boolean = $state(false)

  #version = ''
  #turn = 0

  constructor(
    private readonly relay: Relay,
    readonly agentId: AgentId,
    readonly path: string,
  ) {
    void this.load()
  }

  get hasMore(): boolean {
    return this.content.kind === 'text' && this.loaded < this.size
  }

  get canLoadMore(): boolean {
    return this.hasMore && this.loaded < MOST_SHOWN
  }

  /** Why it cannot be edited; nothing if it can. */
  get notEditable(): string | undefined {
    if (this.content.kind !== 'text') return text.files.notText
    if (this.hasMore || this.size > MOST_EDITED) return text.files.tooLargeToEdit
    return lineEnds(this.content.text) === 'mixed' ? text.files.mixedLineEnds : undefined
  }

  get isDirty(): boolean {
    return this.draft !== undefined && this.content.kind === 'text' && this.#edited !== this.content.text
  }

  /** Reads it from its beginning. What was made of it is gone. */
  async load(): Promise<void> {
    const turn = (this.#turn += 1)
    this.draft = undefined
    this.elsewhere = undefined
    this.isConflict = false
    this.isSaved = false
    this.problem = undefined
    this.busy = 'loading'
    try {
      const type = pictureType(this.path)
      const first = await this.#read(0)
      const isPicture = type !== undefined && first.encoding === 'base64' && first.size <= MOST_PICTURE
      const content = isPicture ? await this.#picture(type, first) : textOrBytes(first)
      if (turn !== this.#turn) return free(content)
      this.#version = first.version
      this.#show(content, first.size, first.bytes)
    } catch (error) {
      if (turn === this.#turn) this.#show({ kind: 'problem', why: words(error) }, 0, 0)
    } finally {
      if (turn === this.#turn) this.busy = undefined
    }
  }

  /** The next page of a text. When it has changed meanwhile it begins anew. */
  async more(): Promise<void> {
    const { content } = this
    if (content.kind !== 'text' || this.busy) return
    const turn = this.#turn
    this.busy = 'loading'
    this.problem = undefined
    try {
      const page = await this.#read(this.loaded, 'text')
      if (turn !== this.#turn) return
      if (page.version !== this.#version) return void this.load()
      this.#show({ kind: 'text', text: content.text + page.content }, page.size, this.loaded + page.bytes)
    } catch (error) {
      if (turn === this.#turn) this.problem = words(error)
    } finally {
      if (turn === this.#turn) this.busy = undefined
    }
  }

  edit(): void {
    if (this.content.kind === 'text' && this.notEditable === undefined)
      this.draft = this.content.text.replaceAll('\r\n', '\n')
  }

  stopEditing(): void {
    this.draft = undefined
    this.isConflict = false
  }

  /** Saves what was made of it, if the file is still what it was, or in any case. */
  async save({ overwrite = false } = {}): Promise<void> {
    if (this.draft === undefined || this.busy) return
    const turn = this.#turn
    const edited = this.#edited
    this.busy = 'saving'
    this.problem = undefined
    try {
      const written = await this.relay.forward('writeFile', this.agentId, {
        agentId: this.agentId,
        path: this.path,
        content: edited,
        ...(!overwrite && { expectedVersion: this.#version }),
      })
      if (turn !== this.#turn) return
      this.#version = written.version
      this.isConflict = false
      this.elsewhere = undefined
      this.isSaved = true
      this.#show({ kind: 'text', text: edited }, written.size, written.size)
    } catch (error) {
      if (turn !== this.#turn) return
      if (error instanceof Failure && error.code === 'FILE_CHANGED') this.isConflict = true
      else this.problem = words(error)
    } finally {
      if (turn === this.#turn) this.busy = undefined
    }
  }

  /** Looks whether it is still what it was. */
  async check(): Promise<void> {
    if (this.content.kind === 'loading' || this.content.kind === 'problem' || this.busy === 'saving') return
    try {
      const { version } = await this.#read(0, 'base64', 1)
      this.elsewhere = version === this.#version ? undefined : 'changed'
    } catch (error) {
      if (error instanceof Failure && error.code === 'FILE_NOT_FOUND') this.elsewhere = 'removed'
    }
  }

  dispose(): void {
    this.#turn += 1
    free(this.content)
  }

  /** The draft with the line ends that the file has. */
  get #edited(): string {
    const draft = this.draft ?? ''
    const isDos = this.content.kind === 'text' && lineEnds(this.content.text) === '\r\n'
    return isDos ? draft.replaceAll('\n', '\r\n') : draft
  }

  #show(content: Content, size: number, loaded: number): void {
    free(this.content)
    this.content = content
    this.size = size
    this.loaded = loaded
  }

  async #read(offset: number, encoding?: 'text' | 'base64', limit = MIB): Promise<FileContent> {
    const { agentId, path } = this
    return this.relay.forward('readFile', agentId, {
      agentId,
      path,
      offset,
      limit,
      ...(encoding && { encoding }),
    })
  }

  async #picture(type: string, first: FileContent): Promise<Content> {
    const parts = [fromBase64(first.content)]
    for (let page = first; page.hasMore;) {
      page = await this.#read(page.offset + page.bytes, 'base64')
      if (page.version !== first.version) throw new Failure('FILE_CHANGED', text.files.elsewhere)
      parts.push(fromBase64(page.content))
    }
    return { kind: 'picture', url: URL.createObjectURL(new Blob(parts, { type })) }
  }
}

function textOrBytes({ encoding, content }: FileContent): Content {
  if (encoding === 'text') return { kind: 'text', text: content }
  return { kind: 'bytes', head: fromBase64(content).subarray(0, HEAD) }
}

function free(content: Content): void {
  if (content.kind === 'picture') URL.revokeObjectURL(content.url)
}
