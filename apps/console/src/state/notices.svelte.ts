import { untrack } from 'svelte'

import type { ClientEvent } from '../protocol'
import { text } from '../text'
import { app } from './app.svelte'
import {
  failed,
  iconWith,
  isSame,
  KINDS,
  keyOf,
  noticeOf,
  tagOf,
  titleWith,
  Told,
  waiting,
  without,
  type Failed,
  type Kind,
  type Notice,
  type Place,
} from './notices'
import { parse, pathOf, router } from './route.svelte'
import { brief, briefQuestion } from './safe'
import * as storage from './storage'

/** How long a tab leaves the first word to one in which the conversation is in view. */
const FIRST_MS = 300
/** How long the others see that an occasion has been told; hidden tabs hear of it late. */
const TOLD_MS = 10_000

interface Choice {
  isOn: boolean
  kinds: readonly Kind[]
}

/** Whether the browser lets this page tell anything. */
export type Permission = NotificationPermission | 'insecure' | 'unsupported'

/** What people are told besides what they look at: the number in the title and the icon, and the browser's notifications. */
class Notices {
  choice: Choice = $state.raw(kept() ?? { isOn: false, kinds: KINDS })
  permission: Permission = $state(permission())

  #failed: Failed = $state.raw(new Set())
  readonly #looking: Place | undefined = $derived(app.isVisible ? inView() : undefined)
  /** Conversations that need somebody or have news. */
  readonly count: number = $derived(waiting(app.world, app.marks, this.#failed, this.#looking))

  readonly #told = new Told()
  readonly #shown = new Map<string, Notification>()
  #others: BroadcastChannel | undefined

  /** From here on, until the call of what it returns. */
  start(): () => void {
    const stop = new AbortController()
    const { signal } = stop
    const others = new BroadcastChannel('longshore.seen')
    others.onmessage = ({ data }) => storage.isString(data) && this.#seen(data)
    this.#others = others
    signal.addEventListener('abort', () => {
      others.close()
      this.#others = undefined
    })
    // Another tab has chosen.
    const chosen = ({ key }: StorageEvent): void => {
      if (key === null || key.endsWith('.notices')) this.choice = kept() ?? this.choice
    }
    addEventListener('storage', chosen, { signal })
    navigator.serviceWorker?.addEventListener('message', ({ data }) => opened(data), { signal })
    signal.addEventListener(
      'abort',
      app.listen((event) => this.#hear(event)),
    )
    signal.addEventListener(
      'abort',
      $effect.root(() => {
        $effect(() => void (document.title = titleWith(this.count, title())))
        $effect(() => badge(this.count))
        $effect(() => {
          const place = this.#looking
          untrack(() => this.#look(place))
        })
      }),
    )
    return () => stop.abort()
  }

  /** Asks for the permission if need be; browsers take that from a click only. Whether it is given. */
  async ask(): Promise<boolean> {
    if (this.permission === 'default') await Notification.requestPermission()
    this.permission = permission()
    return this.permission === 'granted'
  }

  async turnOn(): Promise<void> {
    if (await this.ask()) this.#choose({ ...this.choice, isOn: true })
  }

  turnOff(): void {
    this.#choose({ ...this.choice, isOn: false })
  }

  /** Which kinds are told. */
  pick(kinds: readonly Kind[]): void {
    this.#choose({ ...this.choice, kinds: KINDS.filter((kind) => kinds.includes(kind)) })
  }

  #choose(choice: Choice): void {
    this.choice = choice
    storage.keep('notices', choice)
  }

  #hear(event: ClientEvent): void {
    this.#failed = failed(this.#failed, event)
    const notice = noticeOf(event)
    if (!notice) return
    const isInView = isSame(this.#looking, notice)
    // The other tabs have to have heard of it, too.
    if (isInView) setTimeout(() => this.#look(notice), FIRST_MS)
    if (this.#told.first(keyOf(notice))) void this.#tell(notice, isInView)
  }

  async #tell(notice: Notice, isInView: boolean): Promise<void> {
    if (!this.choice.isOn || permission() !== 'granted' || !this.choice.kinds.includes(notice.kind)) return
    const isOurs = await claim(keyOf(notice), isInView ? 0 : FIRST_MS)
    if (isOurs && !isInView) await this.#show(notice)
  }

  async #show(notice: Notice): Promise<void> {
    const { clientId, agentId, conversationId, kind, message } = notice
    const path = pathOf({ view: 'chat', clientId, agentId, conversationId })
    const title = text.notices.titles[kind](
      brief(app.agent(clientId, agentId)?.name ?? text.notices.anAgent, 60),
    )
    const where = notice.conversationName === 'default' ? '' : brief(notice.conversationName)
    const what = kind === 'needs_you' ? briefQuestion(message) : brief(message, 300)
    const body = [where, what].filter(Boolean).join('\n')
    const options = { body, tag: tagOf(notice), icon: '/icon.svg', silent: true, data: { path } }
    // One of the worker's is replaced by what the controller pushes, and is the only kind that phones have.
    const registration = await navigator.serviceWorker?.getRegistration()
    if (registration) return registration.showNotification(title, options)
    const shown = new Notification(title, options)
    this.#shown.set(options.tag, shown)
    shown.onclose = () => this.#shown.get(options.tag) === shown && this.#shown.delete(options.tag)
    shown.onclick = () => {
      window.focus()
      shown.close()
      opened({ open: path })
    }
  }

  /** Whatever is looked at need not be told any more, in any tab. */
  #look(place: Place | undefined): void {
    if (!place) return
    const tag = tagOf(place)
    this.#seen(tag)
    this.#others?.postMessage(tag)
    void navigator.serviceWorker
      ?.getRegistration()
      .then((registration) => registration?.getNotifications({ tag }))
      .then((shown) => shown?.forEach((notification) => notification.close()))
  }

  #seen(tag: string): void {
    this.#failed = without(this.#failed, tag)
    this.#shown.get(tag)?.close()
  }
}

/** What the page is called without the number. */
function title(): string {
  const { route } = router
  const agent = 'agentId' in route ? app.agent(route.clientId, route.agentId) : undefined
  return agent ? `${brief(agent.name, 60)} · ${text.name}` : text.name
}

/** The conversation that is shown. */
function inView(): Place | undefined {
  const { chat } = app
  if (router.route.view !== 'chat' || chat?.conversationId === undefined) return undefined
  return { clientId: chat.clientId, agentId: chat.agentId, conversationId: chat.conversationId }
}

function opened(data: unknown): void {
  const path = storage.isRecord(data) ? data.open : undefined
  if (storage.isString(path)) router.go(parse(path))
}

function badge(count: number): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]')
  if (link) link.href = iconWith(count)
}

function permission(): Permission {
  if (!isSecureContext) return 'insecure'
  return 'Notification' in window ? Notification.permission : 'unsupported'
}

function kept(): Choice | undefined {
  return storage.kept('notices', isChoice)
}

/** Whether no other tab of this browser tells it. Where there are notifications there are locks: both need a secure page. */
function claim(key: string, afterMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const ask = (): void =>
      void navigator.locks.request(`longshore.notice.${key}`, { ifAvailable: true }, async (lock) => {
        resolve(lock !== null)
        if (lock) await new Promise((over) => setTimeout(over, TOLD_MS))
      })
    setTimeout(ask, afterMs)
  })
}

function isChoice(value: unknown): value is Choice {
  return (
    storage.isRecord(value) &&
    typeof value.isOn === 'boolean' &&
    Array.isArray(value.kinds) &&
    value.kinds.every((kind) => KINDS.includes(kind as Kind))
  )
}

export const notices = new Notices()
