using Lia.Studio.Files;
using Lia.Studio.Problems;
using Microsoft.AspNetCore.Http;

namespace Lia.Studio.Uploads;

/// <summary>Uploads of a kind, by id. The one that was used longest ago, and that nobody is connected to, makes room.</summary>
/// <param name="what">What they are, in messages.</param>
/// <param name="most">How many are kept.</param>
internal sealed class Shelf<T>(string what, int most) where T : Upload
{
    private readonly Dictionary<string, T> _all = [];
    private readonly Lock _gate = new();

    /// <summary>Adds an upload.</summary>
    /// <exception cref="ProblemException">There is no room: all are in use.</exception>
    public void Add(T upload)
    {
        T? oldest = null;
        lock (_gate)
        {
            if (_all.Count >= most)
            {
                oldest = _all.Values.Where(one => !one.IsConnected).MinBy(one => one.LastUse)
                    ?? throw new ProblemException(StatusCodes.Status429TooManyRequests, $"There are {most} {what}s in use.", 10);
                _all.Remove(oldest.Id);
            }
            _all.Add(upload.Id, upload);
        }
        if (oldest is not null) Leave(oldest);
    }

    /// <summary>Finds an upload.</summary>
    /// <exception cref="ProblemException">There is none.</exception>
    public T Find(string id)
    {
        lock (_gate)
        {
            if (!_all.TryGetValue(id, out T? upload)) throw ProblemException.Missing(what);
            upload.Use();
            return upload;
        }
    }

    /// <summary>Removes an upload.</summary>
    /// <exception cref="ProblemException">There is none.</exception>
    public void Remove(string id)
    {
        T? upload;
        lock (_gate)
        {
            if (!_all.Remove(id, out upload)) throw ProblemException.Missing(what);
        }
        Leave(upload);
    }

    private static void Leave(T upload)
    {
        upload.Leave();
        PrivateFolder.Remove(upload.Folder);
    }
}
