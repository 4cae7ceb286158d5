import json,sys,collections
sys.path.insert(0,'/work/main/tests/bench')
import tasks, numpy as np
T=tasks.all_tasks()
def load(path, trials=100, pending=1):
    out={}
    for l in open(path):
        r=json.loads(l)
        if r['trials']!=trials or r['pending']!=pending or r['task'] not in T: continue
        t=T[r['task']]
        v=np.full(trials, np.nan)
        for n,x in r['incumbent']: v[n-1:]=x
        out[(r['task'],r['seed'])]=(v,r['seconds'])
    return out
def regrets(data):
    res={}
    for (t,s),(v,sec) in data.items():
        task=T[t]
        best,med=task.bounds()
        if task.log_regret: v=np.log(v);best,med=np.log(best),np.log(med)
        res[(t,s)]=np.clip((v-best)/(med-best),0,1)
    return res
if __name__=='__main__':
    at=[25,50,100]
    R={p.split('/')[-1].replace('.jsonl','')+('@'+p.split('/')[-2] if 'traces' not in p else ''):regrets(load(p)) for p in sys.argv[1:] if not p.startswith('-')}
    keys=set.intersection(*[set(r) for r in R.values()])
    print(len(keys),'common runs')
    bytask=collections.defaultdict(list)
    for k in sorted(keys): bytask[k[0]].append(k)
    names=list(R)
    for t,ks in bytask.items():
        print(f"{t:28} {len(ks):2}", *[' '.join(f"{np.mean([R[n][k][a-1] for k in ks]):.3f}" for a in at)+' |' for n in names])
    print(f"{'MEAN':28} {'':2}", *[' '.join(f"{np.mean([np.mean([R[n][k][a-1] for k in ks]) for ks in bytask.values()]):.4f}" for a in at)+' |' for n in names])
    print(names)
