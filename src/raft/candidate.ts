import type { NodeId, Term } from '../protocol/ids.ts';
import type { TimeoutNow, VoteResponse } from '../protocol/message.ts';
import { isVoter, members } from '../protocol/state.ts';
import { type Campaign, type Core, castVote, currentWriteSequence, enterTerm } from './core.ts';
import { becomeFollower, mayStand } from './election.ts';
import { becomeLeader } from './leader.ts';
import { voteResult } from './quorum.ts';
import { roundPatience } from './timeouts.ts';

/** Asks whether an election could be won, without disturbing anybody. Thesis §9.6 */
export function startPreVote(core: Core): void {
  core.hasStood = true;
  const campaign: Campaign = {
    kind: 'pre-candidate',
    votes: new Map([[core.id, true]]),
    transfer: false,
    roundDeadline: core.now + roundPatience(core),
    ownVoteSequence: 0,
  };
  core.role = campaign;
  if (voteResult(core.membership, campaign.votes) === 'won') startCampaign(core, { transfer: false });
  else requestVotes(core, campaign, (core.term + 1) as Term);
}

/** Stands for election in a new term. §5.2 */
function startCampaign(core: Core, { transfer }: { readonly transfer: boolean }): void {
  enterTerm(core, (core.term + 1) as Term);
  castVote(core, core.id);
  const campaign: Campaign = {
    kind: 'candidate',
    votes: new Map(),
    transfer,
    roundDeadline: core.now + roundPatience(core),
    // The own vote is a vote like any other: it counts once it cannot be forgotten.
    ownVoteSequence: currentWriteSequence(core),
  };
  core.role = campaign;
}

function requestVotes(core: Core, campaign: Campaign, term: Term): void {
  for (const to of members(core.membership)) {
    if (to === core.id || !isVoter(core.membership, to)) continue;
    // Once durable: what is said of the tail of the log must survive a crash.
    core.out.messagesOnceDurable.push({
      type: campaign.kind === 'candidate' ? 'vote-request' : 'pre-vote-request',
      from: core.id,
      to,
      term,
      lastLogIndex: core.log.lastIndex,
      lastLogTerm: core.log.lastTerm,
      transfer: campaign.transfer,
    });
  }
}

/** Counts a vote that belongs to the round under way. */
export function onVoteResponse(core: Core, campaign: Campaign, response: VoteResponse): void {
  const expected = campaign.kind === 'candidate' ? 'vote-response' : 'pre-vote-response';
  if (response.type !== expected) return;
  countVote(core, campaign, response.from, response.granted);
}

/** The disk has come as far as the write that holds the own vote. */
export function onOwnVoteDurable(core: Core, campaign: Campaign): void {
  if (campaign.kind !== 'candidate' || campaign.votes.has(core.id)) return;
  if (core.durability.completed < campaign.ownVoteSequence) return;
  // Only now, and only in a round that is not over: a candidate that forgot its term by a crash must not be
  // elected by votes for what it was before, and requests that a slow disk held back would cost others their turn.
  requestVotes(core, campaign, core.term);
  countVote(core, campaign, core.id, true);
}

function countVote(core: Core, campaign: Campaign, from: NodeId, granted: boolean): void {
  if (!campaign.votes.has(from)) campaign.votes.set(from, granted);
  const result = voteResult(core.membership, campaign.votes);
  if (result === 'pending') return;
  if (result === 'lost') loseRound(core);
  else if (campaign.kind === 'candidate') becomeLeader(core);
  else startCampaign(core, { transfer: false });
}

/** A round that was refused or ran out: wait, longer than before, and start over with a pre-vote. §5.2 */
export function loseRound(core: Core): void {
  core.lostRounds += 1;
  // Nobody can be elected just now, so hurry only burns time: back to the ordinary range.
  if (core.hasty && core.lostRounds > core.config.hastyRounds) {
    core.hasty = false;
    core.lostRounds = 0;
  }
  becomeFollower(core, core.term, undefined);
}

/** Asked to take over: no pre-vote, for the leader itself wants to be replaced. */
export function onTimeoutNow(core: Core, request: TimeoutNow): void {
  if (core.role.kind !== 'follower' || core.role.leaderId !== request.from) return;
  if (!mayStand(core) || core.config.standing === 'never') return;
  startCampaign(core, { transfer: true });
}
