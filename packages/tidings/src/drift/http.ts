import { TidingsError, type ErrorCode } from '../errors.ts'
import type { EntityOwner, OwnerStanding, PublishAgainRequest, PublishedAgain } from '../outbox/index.ts'
import type { Routes } from '../verify/http/handler.ts'
import { checkProofVersion, proofVersion } from '../verify/http/messages.ts'
import { Asking, type OwnerOptions } from '../verify/http/owner.ts'
import { answers, requests, type AnswerOf, type Asked } from './messages.ts'

/**
 * What an owner's handler answers beside digests to those who find out why a copy is different and mend it:
 * `ownerHandler({ …, routes: ownerRoutes([service.owner(entity)]) })`. With them, whoever knows the secret may have
 * entities published again as they are, and read them whole.
 */
export function ownerRoutes(owners: readonly EntityOwner[]): Routes {
  const byTopic = new Map(owners.map((owner) => [owner.topic, owner]))
  const ownerOf = (topic: string): EntityOwner => {
    const owner = byTopic.get(topic)
    if (owner) return owner
    throw new TidingsError(
      'topic-unknown',
      `Nothing of ${topic} is owned here; there is ${[...byTopic.keys()].join(', ')}.`,
    )
  }
  return {
    async standing(body) {
      checkProofVersion(body)
      const { topic, keys } = requests.standing.read(body, 'request')
      return { version: proofVersion, standings: await ownerOf(topic).standing(keys) }
    },
    async 'publish-again'(body) {
      checkProofVersion(body)
      const { topic, requests: asked } = requests['publish-again'].read(body, 'request')
      return { version: proofVersion, answers: await ownerOf(topic).publishAgain(asked) }
    },
  }
}

/** The owner of an entity whose handler, with `ownerRoutes`, answers at a URL. Nothing is asked before the first call. */
export function remoteOwner(options: OwnerOptions & { readonly topic: string }): EntityOwner {
  const { topic } = options
  const asking = new Asking(options)
  const ask = async <Name extends Asked>(name: Name, body: object): Promise<AnswerOf<Name>> => {
    const answer = await asking.askRoute(name, { topic, ...body })
    checkProofVersion(answer)
    return answers[name].read(answer, 'answer') as AnswerOf<Name>
  }
  return {
    topic,
    async standing(keys: readonly string[]): Promise<readonly OwnerStanding[]> {
      return (await ask('standing', { keys })).standings
    },
    async publishAgain(asked: readonly PublishAgainRequest[]): Promise<readonly PublishedAgain[]> {
      const { answers: given } = await ask('publish-again', { requests: asked })
      return given.map((answer) =>
        answer.status === 'refused' ? { ...answer, code: answer.code as ErrorCode } : answer,
      )
    },
  }
}
