import { deliveryMutations } from './delivery-mutations.mjs'
import { kitMutations } from './kit-mutations.mjs'

export const mutations = [...deliveryMutations, ...kitMutations]
