import { text } from '../../text'
import { shown } from './content'
import { base, isName, join, normal, parent } from './paths'
import type { Workspace } from './workspace.svelte'

/** A question of the files view. */
export type Question =
  | {
      kind: 'prompt'
      title: string
      label: string
      hint?: string
      value?: string
      action: string
      check: (value: string) => string | undefined
      ondone: (value: string) => Promise<void>
    }
  | {
      kind: 'confirm'
      title: string
      question: string
      action: string
      cancel?: string
      ondone: () => Promise<void> | void
    }

const named = (name: string): string | undefined => (isName(name) ? undefined : text.files.invalidName)

export function newFile(workspace: Workspace): Question {
  const { agentId, path: directory } = workspace
  const ondone = async (name: string): Promise<void> => {
    const path = join(directory, name)
    await workspace.relay.forward('createFile', agentId, { agentId, path })
    workspace.open(path)
    await workspace.refresh()
  }
  const { newFile: title, name: label, create: action } = text.files
  return { kind: 'prompt', title, label, action, check: named, ondone }
}

export function newDirectory(workspace: Workspace): Question {
  const { agentId, path: directory } = workspace
  const ondone = async (name: string): Promise<void> => {
    await workspace.relay.forward('createDirectory', agentId, { agentId, path: join(directory, name) })
    await workspace.refresh()
  }
  const { newDirectory: title, name: label, create: action } = text.files
  return { kind: 'prompt', title, label, action, check: named, ondone }
}

export function move(workspace: Workspace, from: string): Question {
  const { agentId } = workspace
  const ondone = async (entered: string): Promise<void> => {
    const to = normal(entered)
    if (to === from) return
    await workspace.relay.forward('moveFile', agentId, { agentId, from, to })
    workspace.moved(from, to)
    await workspace.refresh()
  }
  const { rename: title, newPath: label, newPathHint: hint, move: action } = text.files
  const check = (entered: string): string | undefined => named(base(normal(entered)))
  return { kind: 'prompt', title, label, hint, value: from, action, check, ondone }
}

export function remove(workspace: Workspace, path: string, isDirectory: boolean): Question {
  const { agentId } = workspace
  const ondone = async (): Promise<void> => {
    const recursive = isDirectory && { recursive: true }
    await workspace.relay.forward('deleteFile', agentId, { agentId, path, ...recursive })
    workspace.moved(path, undefined)
    if (workspace.path === path) await workspace.go(parent(path))
    else await workspace.refresh()
  }
  const { deleteQuestion, deleteAllQuestion, delete: title } = text.files
  const question = (isDirectory ? deleteAllQuestion : deleteQuestion)(shown(path))
  return { kind: 'confirm', title, question, action: title, ondone }
}

/** Before what was made of a file goes. */
export function discard(path: string, ondone: () => void): Question {
  const { unsavedQuestion, discard: action, keepEditing: cancel } = text.files
  const question = unsavedQuestion(shown(base(path)))
  return { kind: 'confirm', title: action, question, action, cancel, ondone }
}

export function replace(name: string, ondone: () => Promise<void>): Question {
  const { replaceQuestion, replace: action } = text.files
  return { kind: 'confirm', title: action, question: replaceQuestion(shown(name)), action, ondone }
}
