import { expect, it } from 'vitest'
import { askedBy } from './words.ts'

const known = { workloads: ['W1', 'W2', 'W12'], peers: ['redis-streams', 'nats'] }
const ask = (...words: string[]) => askedBy(words, known)

it('asks for everything where nothing is said', () => {
  expect(ask()).toEqual({ only: [], isQuick: false, isRendering: false })
})

it('reads workloads, peers, the folder and how long it may take', () => {
  expect(ask('--only', 'w1,W12', '--peers', 'redis,nats', '--quick', '--out', 'there')).toEqual({
    only: ['W1', 'W12'],
    peers: ['redis', 'nats'],
    isQuick: true,
    isRendering: false,
    out: 'there',
  })
  expect(ask('--peers', 'none')).toMatchObject({ peers: [] })
  expect(ask('--render')).toMatchObject({ isRendering: true })
})

it('says what is wrong, and what there is', () => {
  expect(() => ask('--only', 'W3')).toThrow('There is no workload W3; there are W1, W2, W12.')
  expect(() => ask('--peers', 'kafka')).toThrow('There is no peer kafka; there are redis-streams, nats, and none.')
  expect(() => ask('--fast')).toThrow('There is no --fast here.')
  expect(() => ask('W1')).toThrow('There is no W1 here.')
  expect(() => ask('--only')).toThrow('--only needs a value.')
  expect(() => ask('--only', '--quick')).toThrow('--only needs a value.')
})
