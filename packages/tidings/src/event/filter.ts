/**
 * What an event must be like, in the six dialects that every implementation of the CloudEvents Subscriptions API has
 * (https://github.com/cloudevents/spec/blob/main/subscriptions/spec.md, "Filter Dialects"). At least one dialect; where
 * there are several, all of them hold. Texts are compared case-sensitively; attributes that are numbers or booleans are
 * compared as CloudEvents writes them, and one that is absent matches nothing. The key is the attribute `partitionkey`.
 */
export interface FilterExpression {
  /** Attributes by name, and the whole value of each. */
  readonly exact?: AttributeTexts
  /** What the value of each begins with. */
  readonly prefix?: AttributeTexts
  /** What the value of each ends with. */
  readonly suffix?: AttributeTexts
  /** At least one expression; every one of them holds. */
  readonly all?: readonly FilterExpression[]
  /** At least one expression; one of them holds. */
  readonly any?: readonly FilterExpression[]
  readonly not?: FilterExpression
}

/** At least one attribute name, none of the names and texts empty. */
export type AttributeTexts = Readonly<Record<string, string>>

/** Which events a subscription wants: those of one of the types, where any is named, for which the dialects hold. */
export interface SubscriptionFilter extends FilterExpression {
  readonly types?: readonly string[]
}
